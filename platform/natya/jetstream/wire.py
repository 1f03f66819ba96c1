"""The socket under a connection, in the place of nats-py's transport.

nats-py reads through an `asyncio.StreamReader` in a task of its own: two more steps of the loop for each chunk. Here the
event loop hands each chunk straight to the parser. nats-py's reading task is left with one call of `read`, which returns
when the connection has ended: so noticing the end and connecting again stay its business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import ParseResult

from nats.aio.transport import Transport
from nats.errors import ProtocolError

from natya.jetstream.parser import BadProtocol, Parser

WRITE_LIMIT: Final = 32 << 20
"""Bytes that may wait for a server that does not read; beyond that the connection says that it cannot send."""

CLOSE_LIMIT: Final = 2.0
"""Seconds that a server gets to read the rest when we close."""


class Wire(asyncio.Protocol, Transport):
    """One socket, from connecting to its end. ``lost`` is called as soon as the end is seen, ``clogged`` with True when
    `WRITE_LIMIT` is passed and with False when the server reads again."""

    def __init__(self, parser: Parser, lost: Callable[[], None], clogged: Callable[[bool], None]) -> None:
        self._parser = parser
        self._on_lost = lost
        self._on_clogged = clogged
        self._transport: Any = None
        self._lines = bytearray()
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._error: Exception | None = None
        self._greeted = False
        self._streaming = False
        self._paused = False

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: float) -> None:
        async with asyncio.timeout(connect_timeout):
            await asyncio.get_running_loop().create_connection(lambda: self, uri.hostname or "", uri.port or 4222)

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: float
    ) -> None:
        name = uri if isinstance(uri, str) else uri.hostname
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(connect_timeout):
            upgraded: Any = await loop.start_tls(self._transport, self, ssl_context, server_hostname=name)
        self.connection_made(upgraded)

    async def readline(self) -> bytes:
        """The next line of the greeting: INFO first; later INFO lines, which a cluster may send at any time, are skipped.
        Raises `ConnectionError` at the end of the connection."""
        while True:
            end = self._lines.find(b"\n") + 1
            if end:
                line = bytes(self._lines[:end])
                del self._lines[:end]
                if self._greeted and line.startswith(b"INFO"):
                    continue
                self._greeted = True
                return line
            if self._ended.is_set():
                raise ConnectionError("the server closed the connection during the greeting") from self._error
            self._changed.clear()
            await self._changed.wait()

    async def read(self, buffer_size: int) -> bytes:
        """From here on the parser gets what arrives; returns at the end of the connection, empty, or raises why it ended."""
        if not self._streaming:
            self._streaming = True
            self._feed(bytes(self._lines))
            self._lines.clear()
        await self._ended.wait()
        if self._error is not None:
            raise self._error
        return b""

    def write(self, payload: bytes) -> None:
        """Send, or nothing if the connection has ended, which is told otherwise: uvloop would raise a `RuntimeError`, by which nats-py's
        attempts to connect again would end for good."""
        if not self._transport.is_closing():
            self._transport.write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        self.write(b"".join(payload))

    async def drain(self) -> None:
        """Nothing to wait for: the socket takes what it can at once and the rest is bounded by `WRITE_LIMIT`."""

    def close(self) -> None:
        """Send what was written, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now; what was written and not sent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        if self._transport is None:
            return
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._ended.wait()
        except TimeoutError:
            self.abort()
            await self._ended.wait()

    def at_eof(self) -> bool:
        return self._ended.is_set()

    def __bool__(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - nats-py leaves it untyped
        return self._transport is not None

    # What the event loop calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=WRITE_LIMIT)

    def data_received(self, data: bytes) -> None:
        if self._streaming:
            self._feed(data)
        else:
            self._lines += data
            self._changed.set()

    def pause_writing(self) -> None:
        self._on_clogged(True)

    def resume_writing(self) -> None:
        self._on_clogged(False)

    def eof_received(self) -> None:
        self._on_lost()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = self._error or exc
        self._ended.set()
        self._changed.set()
        self._on_lost()

    def _feed(self, data: bytes) -> None:
        try:
            more = self._parser.feed(data)
        except BadProtocol as error:
            self._error = ProtocolError(str(error))
            self.abort()
            return
        if more:
            # A burst is done and there is more: read no further before it is handled, and let others run in between.
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._feed_rest)
        elif self._paused:
            self._transport.resume_reading()
        self._paused = more

    def _feed_rest(self) -> None:
        if not self._ended.is_set() and not self._transport.is_closing():
            self._feed(b"")
