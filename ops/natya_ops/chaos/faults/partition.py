"""The network of one worker breaks, in one of the ways networks do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from random import Random
from typing import Final

from natya_ops.chaos.ground import Ground, Wires
from natya_ops.chaos.ground.ground import JOINED
from natya_ops.chaos.proxy import Proxy, Trouble, Way

LINES: Final[Mapping[str, Callable[[Wires], tuple[Proxy, ...]]]] = {
    "NATS": lambda wires: (wires.nats,),
    "the store": lambda wires: (wires.store,),
    "NATS and the store": lambda wires: wires.both,
}
"""What a worker can be cut off from."""


class Partition:
    name = "partition"
    summary = "cut off or slow down a worker: a black hole, one way only, resets, or a slow line"

    def possible(self, ground: Ground) -> str | None:
        if not ground.own:
            return JOINED
        return None if ground.workers else "there is no worker"

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        worker = random.choice(ground.workers)
        which = random.choices(list(LINES), weights=(2, 1, 2))[0]
        what, trouble = draw_trouble(random)
        with ExitStack() as healed:
            for proxy in LINES[which](ground.wires(worker)):
                healed.enter_context(trouble(proxy))
            yield f"{worker}: {what} between it and {which}"


def draw_trouble(random: Random) -> tuple[str, Callable[[Proxy], Trouble]]:
    """A way for a line to be bad, in words and as what does it."""
    way = random.choice(list(Way))
    delay = random.uniform(0.02, 0.2)
    rate = random.uniform(50_000, 500_000)
    kinds: list[tuple[str, Callable[[Proxy], Trouble]]] = [
        ("black hole", Proxy.black_hole),
        (f"nothing passes {way.value}", lambda proxy: proxy.one_way(way)),
        ("reset, and refused until healed", Proxy.reset),
        ("reset once", lambda proxy: proxy.reset(refuse=False)),
        (f"{delay * 1000:.0f} to {delay * 2000:.0f} ms slower", lambda proxy: proxy.delay(delay, jitter=delay)),
        (f"at most {rate / 1000:.0f} kB/s", lambda proxy: proxy.throttle(rate)),
    ]
    return random.choice(kinds)
