"""Reading a stream of the memory server without an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from natya.memory.bus import MemoryBus
from natya.memory.stream import Stored, Stream


async def wait_for_more(bus: MemoryBus, stream: Stream, look: Callable[[], Awaitable[Sequence[Stored]]]) -> Sequence[Stored]:
    """Look until there is something, again whenever something new has been stored. Raises what ``look`` raises, and `NoReply`."""
    while True:
        arrival = stream.arrival()  # taken before the look, or what comes in between would be slept over
        try:
            if found := await look():
                return found
            await bus.wait(arrival)
        finally:
            stream.forget(arrival)
