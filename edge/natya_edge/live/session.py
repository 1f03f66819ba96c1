"""One client's stream of events, from the first byte to the last: catching up, live, and behind again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from natya.errors import Unauthenticated, Unavailable
from natya.ports.events import EventsGone, EventsUnavailable, Extent, check_there
from natya_edge.live import sse
from natya_edge.live.asked import From, Start
from natya_edge.live.streams import Streams
from natya_edge.live.subscriber import End, Ended, Message, Subscriber

T = TypeVar("T")

_PAUSE: Final = 0.2
_PIECE: Final = 1 << 16


class Client(Protocol):
    """Who is sent to."""

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more. Raises `ConnectionError` when the client has gone."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two signs of life, for which a client may take nothing or be behind, and until it should come again."""

    heartbeat: float
    patience: float
    retry: float


class Session:
    """Sends what ``subscriber`` wants to ``client``. ``authentic`` raises `Unauthenticated` once the client's token has
    ended, `Unavailable` where nobody can say.

    ``position``: everything wanted up to there has been sent.
    """

    def __init__(
        self,
        streams: Streams,
        subscriber: Subscriber,
        client: Client,
        authentic: Callable[[], Awaitable[object]],
        pace: Pace,
    ) -> None:
        self.position = 0
        self._streams = streams
        self._subscriber = subscriber
        self._client = client
        self._authentic = authentic
        self._pace = pace
        self._now = asyncio.get_running_loop().time
        self._sent = self._checked = self._now()
        self._behind_since: float | None = None
        """When the client, which was live, fell behind."""

    async def run(self, start: Start) -> Ended:
        """Send until the stream must end, and say why."""
        try:
            await self._begin(start)
            await self._send(sse.hello(self.position, self._pace.retry))
            while True:
                await self._catch_up()
                self._behind_since = None
                while self.position >= self._subscriber.joined:
                    await self._live()
                self._behind_since = self._now()
        except Ended as ended:
            return ended
        except ConnectionError:
            return Ended(End.GONE, "the client has gone")

    async def _begin(self, start: Start) -> None:
        joined = self._subscriber.joined
        match start.source:
            case From.NOW:
                self.position = joined
            case From.START:
                self.position = (await self._extent()).first - 1
            case From.AFTER if start.after <= joined:
                self.position = start.after
            case From.AFTER:
                # Another edge may be ahead of this one. Whether the stream is that far, its leader knows.
                self.position = start.after
                try:
                    check_there(start.after, await self._extent())
                    self._subscriber.skip = start.after
                except EventsGone as gone:
                    await self._gap(gone)

    async def _catch_up(self) -> None:
        """Read up to where the subscriber has joined."""
        while self.position < (through := self._subscriber.joined):
            try:
                found = await self._unless_ended(
                    self._streams.read(self._subscriber.wanted, after=self.position, through=through)
                )
            except EventsGone as gone:
                await self._gap(gone)
            except (EventsUnavailable, Unavailable) as error:
                await self._sign_of_life(str(error))
                await self._pause()
            else:
                visible = self._subscriber.visible
                await self._pass_on(
                    [(event.sequence, sse.event(event)) for event in found.events if visible(event.kind, event.key)]
                )
                self.position = found.position
                await self._sign_of_life("")

    async def _live(self) -> None:
        """Send what has come, or after a while a sign of life."""
        await self._subscriber.wait(self._pace.heartbeat)
        if messages := self._subscriber.take():
            await self._pass_on(messages)
        elif self.position >= self._subscriber.joined:
            self.position = max(self.position, self._streams.position)
            await self._send(sse.heartbeat(self.position, self._streams.trouble))
            await self._check()

    async def _pass_on(self, messages: Sequence[Message]) -> None:
        """Send in pieces of about `_PIECE`: so it is seen that a client takes something, however little."""
        first = size = 0
        for number, (position, message) in enumerate(messages, 1):
            size += len(message)
            if size >= _PIECE or number == len(messages):
                # What is written is on its way, also if there is no room for more: hence the position before the wait.
                self.position = position
                await self._send(b"".join([each for _, each in messages[first:number]]))
                await self._check()
                first, size = number, 0

    async def _gap(self, gone: EventsGone) -> None:
        # What came since the subscriber joined is in its buffer, whether or not the stream has it still.
        first = min(gone.first, self._subscriber.joined + 1)
        await self._send(sse.gap(gone.after, first, gone.detail))
        self.position = first - 1

    async def _extent(self) -> Extent:
        while True:
            try:
                return await self._unless_ended(self._streams.extent())
            except (EventsUnavailable, Unavailable):
                await self._pause()

    async def _pause(self) -> None:
        await self._check()
        await self._unless_ended(asyncio.sleep(_PAUSE))

    async def _check(self) -> None:
        """Raises `Ended` if the stream should go on no longer."""
        self._subscriber.check()
        now = self._now()
        if self._behind_since is not None and now - self._behind_since > self._pace.patience:
            raise Ended(End.SLOW, f"the client has been behind for more than {self._pace.patience:g} s")
        if now - self._checked >= self._pace.heartbeat / 2:
            self._checked = now
            try:
                await self._authentic()
            except (Unauthenticated, Unavailable) as error:
                raise Ended(End.TOKEN, error.detail) from error

    async def _sign_of_life(self, comment: str) -> None:
        if self._now() - self._sent >= self._pace.heartbeat:
            await self._send(sse.heartbeat(self.position, comment))

    async def _send(self, data: bytes) -> None:
        try:
            await self._unless_ended(self._client.write(data), self._pace.patience)
        except TimeoutError:
            raise Ended(End.SLOW, f"the client took nothing for {self._pace.patience:g} s") from None
        self._sent = self._now()

    async def _unless_ended(self, work: Awaitable[T], seconds: float | None = None) -> T:
        """Await ``work``, at most so long. Raises `TimeoutError`, and `Ended` as soon as the stream is to end."""
        try:
            async with self._subscriber.limited(seconds):
                return await work
        except TimeoutError:
            self._subscriber.check()
            raise
