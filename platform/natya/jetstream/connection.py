"""One connection to NATS: publish, subscribe, request, and what happens when it breaks.

Extends nats-py, whose way of a message costs more than the work on it: see decision 0001 for what is replaced and why.

*Outgoing*: `publish` and `respond` are plain functions that append a frame to one list; the list is written once per turn of
the loop. Everything goes through it, also SUB, UNSUB and PING, so the server reads commands in the order in which they were
given, and a PONG means that everything before it has been handled: that is what makes `subscribe` and `unsubscribe` barriers.

*Incoming*: handlers are called by the parser, on the loop, in order.

*When the connection breaks*, in this order: what was not written is dropped (nothing goes out late); `on_disconnect`
callbacks run; subscriptions that end with the connection are told; requests fail with `NoReply`. Then nats-py connects again,
lasting subscriptions are made anew before anything else is sent, and `on_reconnect` callbacks run: before anybody can find
that there is a connection, so that nobody takes what was true before the break for what is true now.

A barrier speaks for the server that this connection entered at. The others of a cluster learn of a new subscription a moment
later, perhaps after `subscribe` has returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

import orjson

from natya.errors import Invalid, TooLarge
from natya.jetstream import frames
from natya.jetstream.dialer import Dialer
from natya.jetstream.headers import encode_headers
from natya.jetstream.listener import Listener
from natya.jetstream.parser import Arrival, ArrivalHandler, Parser
from natya.jetstream.replies import Replies
from natya.jetstream.wire import Wire
from natya.message import Answer
from natya.ports.bus import Disconnected, NoResponders, PayloadTooLarge

_log = logging.getLogger("natya.jetstream")


class Connection:
    """One connection; made by `natya.jetstream.dial.connect`. ``inbox`` is the prefix under which replies come: permissions
    can be given per service if each has its own."""

    def __init__(self, *, inbox: str = "_INBOX") -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(self)
        self._wire: Wire | None = None
        self._known = False  # there has been a connection
        self._joined = False  # there is one
        self._open = False  # and it takes what is sent
        self._is_up = asyncio.Event()
        self._closed = False
        self._info: dict[str, Any] = {}
        self._max_payload = 1 << 20
        self._out: list[bytes] = []
        self._writing = False
        self._pongs: list[asyncio.Future[bool]] = []
        self._sids = count(1)
        self._handlers: dict[bytes, ArrivalHandler] = {}
        self._listeners: dict[bytes, Listener] = {}
        self._disconnected: list[Callable[[], None]] = []
        self._reconnected: list[Callable[[], None]] = []
        self._chores: set[asyncio.Task[None]] = set()
        self._replies = Replies(inbox)
        self.listen(self._replies.filter, self._replies.arrived)

    # State

    @property
    def connected(self) -> bool:
        """Whether something sent now goes out."""
        return self._open

    @property
    def server(self) -> str:
        """The id of the server this connection entered at; empty while disconnected."""
        return str(self._info.get("server_id", "")) if self._joined else ""

    @property
    def server_version(self) -> str:
        """The version of the server that was connected last."""
        return str(self._info.get("version", ""))

    @property
    def has_jetstream(self) -> bool:
        """Whether the server says that JetStream is on."""
        return bool(self._info.get("jetstream"))

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have, headers included."""
        return self._max_payload

    @property
    def dialer(self) -> Dialer:
        return self._dialer

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._disconnected.append(callback)
        return lambda: self._disconnected.remove(callback)

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._reconnected.append(callback)
        return lambda: self._reconnected.remove(callback)

    async def wait_connected(self, limit: float | None) -> bool:
        """Wait until there is a connection, at most ``limit`` seconds (None: for ever); says whether there is one."""
        try:
            async with asyncio.timeout(limit):
                await self._is_up.wait()
        except TimeoutError:
            return False
        return True

    # Sending

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> None:
        """Send. Raises `Disconnected`, `PayloadTooLarge`, and `Invalid` if the subject cannot be one."""
        if not subject:
            raise Invalid("a message needs a subject")
        frames.check_subject(subject, "subject")
        frames.check_subject(reply, "subject for replies")
        block = encode_headers(headers) if headers else None
        size = len(data) + (len(block) if block else 0)
        limit = self._max_payload
        if size > limit:
            raise PayloadTooLarge(f"a message of {size} bytes: the server takes at most {limit}", limit=limit, size=size)
        if not self._open:
            raise Disconnected("not connected to NATS")
        self._send(frames.publish(subject, data, block, reply))

    def respond(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer; see `natya.ports.bus.Bus.respond`. ``subject`` is a reply subject as it came: it is not checked again."""
        if not subject or not self._open:
            return
        block = encode_headers(headers) if headers else None
        size = len(data) + (len(block) if block else 0)
        limit = self._max_payload
        if size > limit:
            answer = Answer.of(TooLarge(f"the answer has {size} bytes: at most {limit} are allowed", limit=limit, size=size))
            data, block = answer.body, encode_headers(answer.headers() or {})
        self._send(frames.publish(subject, data, block, ""))

    async def request(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float
    ) -> Arrival:
        """Send and await one reply. Raises `Disconnected`, `NoResponders`, `NoReply`, `PayloadTooLarge`, `Invalid`."""
        replies = self._replies
        token = replies.new_token()
        self.publish(subject, data, headers, replies.prefix + token)
        reply = await replies.wait(token, subject, timeout)
        if reply.block is not None and reply.status == 503 and not reply.data:
            raise NoResponders(f"nobody listens on {subject}")
        return reply

    # Subscribing

    def new_inbox(self) -> str:
        """A subject on which nobody else listens, below this connection's prefix."""
        return f"{self._replies.prefix}{self._replies.new_token()}.s"

    def listen(
        self,
        subject: str,
        handler: ArrivalHandler,
        *,
        queue: str = "",
        lost: Callable[[], None] | None = None,
        shaken: Callable[[], None] | None = None,
    ) -> Listener:
        """Subscribe without waiting: in order with everything else that this connection sends. With ``lost`` the subscription
        ends with the connection, and ``lost`` is called then; ``shaken`` when another server of the cluster comes or goes."""
        if not subject:
            raise Invalid("a subscription needs a subject")
        frames.check_subject(subject, "subject")
        frames.check_subject(queue, "queue group")
        sid = b"%d" % next(self._sids)
        listener = Listener(self, sid, subject, queue, lost, shaken)
        self._handlers[sid] = handler
        self._listeners[sid] = listener
        if self._joined:
            self._send(listener.command)
        return listener

    async def subscribe(self, subject: str, handler: ArrivalHandler, *, queue: str = "") -> Listener:
        """Subscribe with a barrier. Raises `Disconnected`: then there is no subscription."""
        if not self._joined:
            raise Disconnected("not connected to NATS")
        listener = self.listen(subject, handler, queue=queue)
        try:
            if not await self.ping():
                raise Disconnected("the connection to NATS was lost while subscribing")
        except BaseException:
            listener.stop()
            raise
        return listener

    async def unsubscribe(self, listener: Listener) -> None:
        """See `Listener.unsubscribe`."""
        if not listener.active or not self._joined:
            self.forget(listener)
            return
        # Not made anew from now on, but handled until the PONG, which comes behind all that was sent before the UNSUB.
        listener.active = False
        self._listeners.pop(listener.sid, None)
        self._send(frames.unsubscribe(listener.sid))
        try:
            await self.ping()
        finally:
            self._handlers.pop(listener.sid, None)

    def forget(self, listener: Listener) -> None:
        """See `Listener.stop`."""
        if listener.active:
            listener.active = False
            self._listeners.pop(listener.sid, None)
            self._handlers.pop(listener.sid, None)
            if self._joined:
                self._send(frames.unsubscribe(listener.sid))

    async def close(self) -> None:
        """Send what is waiting, then end. Requests that wait fail with `NoReply`. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        self._write()
        self._joined = self._open = False
        self._is_up.clear()
        self._end("the connection was closed")
        await self._dialer.hang_up()
        await asyncio.gather(*self._chores, return_exceptions=True)

    # What the dialer calls

    def new_wire(self) -> Wire:
        wire: Wire

        def lost() -> None:
            if self._wire is wire:
                self.lost()

        def clogged(yes: bool) -> None:
            if self._wire is wire:
                self._open = self._joined and not yes
                if yes:
                    _log.warning("NATS does not read: nothing is sent until it does")

        self._wire = wire = Wire(Parser(self._handlers, self._control), lost, clogged)
        return wire

    def joined(self, info: dict[str, Any]) -> None:
        self._take_info(info)
        again, self._known = self._known, True
        # Subscriptions first; what others said before is void.
        self._out[:] = [listener.command for listener in self._listeners.values()]
        self._joined = self._open = True
        self._is_up.set()
        if again:
            _log.info("connected to NATS again (server %s)", self.server)
            self._call(self._reconnected)
        self._write()

    def lost(self) -> None:
        if not self._joined:
            return
        self._joined = self._open = False
        self._is_up.clear()
        self._out.clear()
        if self._wire is not None:
            self._wire.abort()
        self._call(self._disconnected)
        self._end("the connection to NATS was lost")

    def ping(self) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = self._loop.create_future()
        if self._joined:
            self._pongs.append(future)
            self._send(frames.PING)
        else:
            future.set_result(False)
        return future

    # Inside

    def _send(self, frame: bytes) -> None:
        self._out.append(frame)
        if not self._writing:
            self._writing = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._writing = False
        if self._out and self._joined and self._wire is not None:
            self._wire.write(b"".join(self._out))
            self._out.clear()

    def _end(self, reason: str) -> None:
        """End what belongs to a connection that is gone."""
        for listener in list(self._listeners.values()):
            if listener.lost is not None:
                self.forget(listener)
                self._call([listener.lost])
        self._replies.fail(reason)
        pongs, self._pongs = self._pongs, []
        for pong in pongs:
            if not pong.done():
                pong.set_result(False)

    def _control(self, line: bytes) -> None:
        if line.startswith(b"PING"):
            self._send(frames.PONG)
        elif line.startswith(b"PONG"):
            self._dialer.ponged()
            if self._pongs and not (pong := self._pongs.pop(0)).done():
                pong.set_result(True)
        elif line.startswith(b"INFO"):
            info = orjson.loads(line[5:])
            before = self._info.get("connect_urls")
            self._take_info(info)
            if self._info.get("connect_urls") != before:
                self._call([listener.shaken for listener in self._listeners.values() if listener.shaken is not None])
            chore = self._dialer.server_info(info)
            self._chores.add(chore)
            chore.add_done_callback(self._chores.discard)
        elif line.startswith(b"-ERR"):
            # The server closes the connection itself if it means to; then we connect again.
            _log.error("NATS refuses: %s", line[5:].decode("utf-8", "replace").strip(" '"))
        elif not line.startswith(b"+OK"):
            raise ValueError(f"no such operation: {line[:100]!r}")

    def _take_info(self, info: dict[str, Any]) -> None:
        self._info.update(info)
        self._max_payload = int(self._info.get("max_payload", self._max_payload))

    @staticmethod
    def _call(callbacks: Iterable[Callable[[], None]]) -> None:
        for callback in list(callbacks):
            try:
                callback()
            except Exception:  # noqa: BLE001 - a callback is its owner's code, and a broken connection must still be mended
                _log.exception("a callback of the connection failed")
