"""One connection of a client, with deadlines that aiohttp's own does not have.

aiohttp limits neither the time a request's head may take nor the time a client may leave a response unread; either way a client
holds a connection, and memory, for as long as it likes. A connection knows what it waits for and since when, which costs a request
0.5 µs; the doorman looks at all of them once a second and ends those that are overdue. No request sets a timer.
"""

from __future__ import annotations

import asyncio
import socket
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import StreamReader, web

from natya.errors import NatyaError
from natya_edge.errors import HeadTimeout, HeadTooLarge
from natya_edge.guard.not_http import problem_of_http, problem_of_parser
from natya_edge.responses import error_problem, raw_problem

if TYPE_CHECKING:
    from natya_edge.guard.doorman import Doorman
    from natya_edge.load.front import Front

_END: Final = b"\r\n\r\n"
_MOST_UNSENT: Final = 128 << 10


class Waiting(Enum):
    """What a connection waits for."""

    HEAD = auto()
    """The rest of a request's head; on a new connection also its first byte."""
    ANSWER = auto()
    """A head is there: the body, and what the edge does with it, have deadlines of their own."""
    REQUEST = auto()
    """The next request of a client that keeps its connection."""


class Connection(web.RequestHandler):
    """Made by `listening` for each connection."""

    __slots__ = ("_carrier", "_doorman", "_front", "_head", "_rest", "_stalled", "_tail", "address", "since", "waiting")

    def __init__(self, manager: web.Server, doorman: Doorman, front: Front, **options: Any) -> None:
        super().__init__(manager, **options)
        self._doorman = doorman
        self._front = front
        self._carrier: asyncio.Transport | None = None
        self._head = 0
        self._tail = b""
        self._rest: StreamReader | None = None
        """A body that is still coming though its request was answered. It is not the next one's head; aiohttp bounds its time."""
        self._stalled = 0.0
        self.address = ""
        self.waiting = Waiting.HEAD
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        carrier = cast(asyncio.Transport, transport)  # uvloop's is one without being of its class
        peer = carrier.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        refused = self._doorman.enter(self)
        if refused is not None:
            self._doorman.turn_away(carrier, raw_problem(refused, self._doorman.headers))
            return
        _bound_unsent(carrier)
        self._carrier = carrier
        self.since = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._doorman.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.waiting is not Waiting.ANSWER and data and self._rest is None:
            if self._waiter is not None and not self._head and self._carrier and (refusal := self._front.turn_away(data)):
                self._carrier.write(refusal)
                self.since = self._loop.time()
                self.waiting = Waiting.REQUEST
                return
            self._read_head(data)
        super().data_received(data)
        if self._rest is not None and self._rest.is_eof():
            self._rest = None

    def _read_head(self, data: bytes) -> None:
        """Note how a head comes in; mostly all of it at once."""
        if self.waiting is Waiting.REQUEST:
            self.waiting = Waiting.HEAD
            self.since = self._loop.time()
        if _END in data or (self._tail and _END in self._tail + data[:3]):
            self.waiting = Waiting.ANSWER
            self._head, self._tail = 0, b""
            return
        self._head += len(data)
        self._tail = (self._tail + data)[-3:]
        if self._head > self._doorman.settings.head_limit:
            self.refuse(HeadTooLarge(f"the request's head has more than {self._doorman.settings.head_limit} bytes"))

    def taken(self) -> None:
        """A request's head is complete and its turn has come."""
        self.waiting = Waiting.ANSWER

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):  # raised before any middleware, for instance because of an `Expect`
            resp = error_problem(problem_of_http(resp, request), self._doorman.ids.new())
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.waiting = Waiting.REQUEST
            self.since = self._loop.time()
            self._head, self._tail = 0, b""
            self._rest = None if request.content.is_eof() else request.content

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled = 0.0

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is not HTTP gets a problem document like everything else. Any other failure has been answered before."""
        if status != 400 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        response = error_problem(problem_of_parser(exc, message or ""), self._doorman.ids.new())
        for name, value in self._doorman.headers.items():
            response.headers.setdefault(name, value)
        response.force_close()
        return response

    def refuse(self, error: NatyaError) -> None:
        """Say what is wrong, outside of any request, and end."""
        if self.transport is not None:
            self.transport.write(raw_problem(error, self._doorman.headers))
        self.force_close()

    def check(self, now: float, *, crowded: bool) -> None:
        """End this connection if it is overdue."""
        carrier, settings = self._carrier, self._doorman.settings
        if carrier is None:
            return
        if self._stalled:
            if now - self._stalled > settings.write_timeout:
                carrier.abort()
            return
        if carrier.is_closing():
            # What is still to be written waits for the client, and so would the connection, without end.
            self._stalled = now
            return
        waited = now - self.since
        hurry = self._doorman.HURRY if crowded else 1
        if self.waiting is Waiting.HEAD and waited * hurry > settings.head_timeout:
            if self._head:
                self.refuse(HeadTimeout(f"the head of the request was not there within {settings.head_timeout:g} s"))
            else:
                self.force_close()
        elif self.waiting is Waiting.REQUEST and waited * hurry > settings.idle_timeout:
            self.force_close()


def _bound_unsent(carrier: asyncio.Transport) -> None:
    """Without this the kernel keeps up to 4 MB for a client that does not read, and nobody would notice that it does not."""
    raw = carrier.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT)
