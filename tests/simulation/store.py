"""The snapshot store behind a network of its own: slow, away, or done without an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

from natya.memory import MemorySnapshots
from natya.ports.snapshots import Kept, Shape, Snapshot, SnapshotsUnavailable, Written
from simulation.clock import ProcessClock
from simulation.loop import SimulationLoop
from simulation.process import Process

T = TypeVar("T")

TIMEOUT: Final = 2.0


class SimulatedStore(MemorySnapshots):
    """Implements `natya.ports.snapshots.Snapshots`. Each call takes up to ``delay`` seconds each way; of the answers a part
    ``loss`` is lost, so that what was written is not known to be. ``available`` as in `MemorySnapshots`."""

    def __init__(self, loop: SimulationLoop, server: Process, random: Random) -> None:
        self._simulated = ProcessClock(loop)
        super().__init__(self._simulated)
        self._loop = loop
        self._server = server
        self._random = random
        self.delay = 0.004
        self.loss = 0.0

    def calm(self) -> None:
        self.available, self.delay, self.loss = True, 0.004, 0.0

    def document(self, kind: str, key: str) -> Snapshot | None:
        """What is stored of an actor."""
        found, _ = _outcome(super().load(kind, [key]))
        return (found or {}).get(key)

    async def prepare(self, shape: Shape) -> None:
        await self._trip(partial(super().prepare, shape))

    async def load(self, kind: str, keys: Collection[str], *, after: str = "") -> dict[str, Snapshot]:
        return await self._trip(partial(super().load, kind, keys, after=after))

    async def write(self, kind: str, snapshots: Sequence[Snapshot]) -> Written:
        return await self._trip(partial(super().write, kind, snapshots))

    async def keep(self, kind: str, kept: Sequence[Kept]) -> None:
        await self._trip(partial(super().keep, kind, kept))

    async def kept(self, kind: str, token: str, id: str, *, after: str = "") -> Kept | None:
        return await self._trip(partial(super().kept, kind, token, id, after=after))

    async def _trip(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Let the store do it, there, and await the answer. What arrives there is done, whoever still waits for it."""
        loop, random = self._loop, self._random
        answer = loop.create_future()

        def answered(result: T | None, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        def arrive() -> None:
            result, error = _outcome(work())
            if random.random() >= self.loss:
                loop.call_later(self.delay * random.random(), answered, result, error, context=self._server.context)

        loop.call_later(self.delay * random.random(), arrive, context=self._server.context)
        try:
            found: T = await self._simulated.wait_for(answer, TIMEOUT)
        except TimeoutError as error:
            raise SnapshotsUnavailable(f"no answer within {TIMEOUT:g} s") from error
        return found


def _outcome(work: Coroutine[Any, Any, T]) -> tuple[T | None, Exception | None]:
    """The outcome of a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value, None
    except (SnapshotsUnavailable, ValueError) as error:
        return None, error
    raise RuntimeError("the store in memory suspended")
