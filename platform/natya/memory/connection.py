"""A connection to the memory server: its life, and the two ways along it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from natya.memory.broker import MemoryBroker
from natya.memory.pipe import Pipe
from natya.memory.stream import NoRoom
from natya.ports.bus import Disconnected, NoReply, Refused
from natya.ports.lease import RevisionConflict

T = TypeVar("T")

SAYS_NO: Final = (Refused, RevisionConflict, NoRoom)
"""What the server may answer to a request of `MemoryConnection.trip`, beside a result."""


class Session(Protocol):
    """What lives on the server as long as a connection does, and is made anew on the next."""

    def attach(self) -> None: ...
    def detach(self) -> None: ...


class MemoryConnection:
    """Connected from the start; `disconnect` and `reconnect` are the test's to call.

    A disconnect loses what the server has sent and this side has not received, ends the sessions on the server until the
    reconnect, and fails every request that waits. What was sent to the server arrives there all the same. ``name`` is how
    `Faults` knows this connection; ``entrance`` names the server that it says it has entered at, one of several of a cluster.
    """

    def __init__(self, broker: MemoryBroker, name: str) -> None:
        self.name = name
        self.broker = broker
        self.entrance = broker.server
        self._connected = True
        self._severed = False
        self._closed = False
        self._up = Pipe(broker.clock, broker.later)
        self._down = Pipe(broker.clock, broker.later)
        self._sessions: list[Session] = []
        self._pending: set[asyncio.Future[Any]] = set()
        self._on_disconnect: list[Callable[[], None]] = []
        self._on_reconnect: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def server(self) -> str:
        return self.entrance if self._connected else ""

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._on_disconnect.append(callback)
        return lambda: self._on_disconnect.remove(callback)

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback)

    def sever(self, *, lose: bool = False) -> None:
        """Break the connection as the server sees it: its sessions end, and nothing gets through either way until
        `reconnect`. ``lose`` also loses what is on its way to the server."""
        self._severed = True
        if lose:
            self._up.cut()
        self._end_sessions()

    def disconnect(self) -> None:
        """Break the connection. Does nothing if it is broken."""
        if self._connected:
            self._connected = False
            for callback in list(self._on_disconnect):
                callback()
            self._end()

    def reconnect(self) -> None:
        """Connect again. Does nothing if connected; a closed bus stays closed."""
        if not self._connected and not self._closed:
            self._connected = True
            self._severed = False
            self._up = Pipe(self.broker.clock, self.broker.later)
            for session in self._sessions:
                session.attach()
            for callback in list(self._on_reconnect):
                callback()

    async def close(self) -> None:
        """End the connection for good, without calling back. Does nothing the second time."""
        self._closed = True
        self._connected = False
        self._end()

    def _end(self) -> None:
        self._end_sessions()
        for answer in self._pending:
            _fail(answer, NoReply("the connection broke while waiting"))

    def _end_sessions(self) -> None:
        self._down.cut()
        for session in self._sessions:
            session.detach()

    # sessions

    def start(self, session: Session) -> None:
        """Attach a session, now and after every reconnect. Raises `Disconnected`."""
        self.check_connected()
        self._sessions.append(session)
        if not self._severed:
            session.attach()

    async def open(self, session: Session) -> None:
        """Like `start`; when this returns, what the session was sent at once has been handed over. Raises `Disconnected`,
        and then there is no session."""
        self.start(session)
        try:
            await self._barrier()
        except BaseException as error:
            self._sessions.remove(session)
            session.detach()
            if isinstance(error, NoReply):
                raise Disconnected(str(error)) from error
            raise

    async def shut(self, session: Session) -> None:
        """End a session; when this returns, everything it was sent before has been handed over. Does nothing twice."""
        if session in self._sessions:
            self._sessions.remove(session)
            session.detach()
            if self._connected:
                with suppress(NoReply):
                    await self._barrier()

    async def _barrier(self) -> None:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.deliver("", partial(_finish, passed, None), sure=True)
        await self.wait(passed)

    # the two ways

    async def trip(self, subject: str, action: Callable[[], T], *, timeout: float) -> T:
        """Let the server do something for this connection and await the outcome: there and back, each with its faults.
        Raises `Disconnected`, `NoReply`, and of what ``action`` raises `SAYS_NO`."""
        self.check_connected()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def act() -> None:
            try:
                outcome = partial(_finish, answer, action())
            except SAYS_NO as error:
                outcome = partial(_fail, answer, error)
            self.deliver(subject, outcome)

        self.send(subject, act)
        return await self.wait(answer, timeout)

    async def wait(self, answer: asyncio.Future[T], timeout: float | None = None) -> T:
        """Await what the server will bring about. Raises `NoReply` after ``timeout`` seconds or when the connection breaks."""
        if not self._connected:
            raise NoReply("the connection broke while waiting")
        self._pending.add(answer)
        try:
            return await (answer if timeout is None else self.broker.clock.wait_for(answer, timeout))
        except TimeoutError as error:
            raise NoReply(f"no reply within {timeout} s") from error
        finally:
            self._pending.discard(answer)

    def send(self, subject: str, arrive: Callable[[], None]) -> None:
        """Let ``arrive`` happen at the server: at once, if no fault delays or loses it."""
        if self._severed:
            return
        delay = self.broker.faults.sending(self.name, subject)
        if delay is None:
            return
        if delay > 0 or not self._up.empty:
            self._up.send(delay, arrive)
        else:
            arrive()

    def deliver(self, subject: str, arrive: Callable[[], object], *, sure: bool = False) -> None:
        """Let ``arrive`` happen on this side, through the loop; nothing ``sure`` is lost while the connection lives."""
        if not self._connected or self._severed:
            return
        delay = self.broker.faults.delivering(self.name, subject)
        if delay is not None or sure:
            self._down.send(delay or 0.0, arrive)

    def check_connected(self) -> None:
        """Raises `Disconnected`."""
        if not self._connected:
            raise Disconnected(f"{self.name} is not connected")


def _finish(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # seen: whoever waited may be gone
