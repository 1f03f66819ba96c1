"""From bytes to messages.

This is the hottest code of the adapter: every call, reply and stored message comes through `Parser.feed`. It walks over each
received chunk by position (no regular expressions, no deleting from a buffer), calls the subscription's handler at once
(no queue, no task, no context switch) and leaves headers unparsed until somebody reads them: 1.1 µs a message. Decision 0001
has the figures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from natya.jetstream.headers import description_of, parse_headers, status_of
from natya.message import NO_HEADERS

BURST: Final = 1_000
"""Most messages handled in one go: then the loop gets its turn."""

_MAX_LINE: Final = 1 << 20
"""A control line is short; only INFO, which lists a cluster's servers, may grow."""

_CRLF: Final = b"\r\n"
_MSG: Final = ord("M")
_HMSG: Final = ord("H")

_log = logging.getLogger("natya.jetstream")


class BadProtocol(Exception):
    """Raised when what the server sends cannot be understood."""


class Arrival:
    """One message as it came: a `natya.message.Delivery`. ``block`` is the raw header block."""

    __slots__ = ("_headers", "block", "data", "reply", "subject")

    def __init__(self, subject: str, reply: str, data: bytes, block: bytes | None) -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self.block = block
        self._headers: Mapping[str, str] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, parsed when first read; without the status."""
        headers = self._headers
        if headers is None:
            headers = self._headers = parse_headers(self.block) if self.block else NO_HEADERS
        return headers

    @property
    def status(self) -> int:
        """The status that the server put before the headers (503: no responders), 0 if none."""
        return status_of(self.block)

    @property
    def description(self) -> str:
        """The text behind the status."""
        return description_of(self.block) if self.block else ""


ArrivalHandler = Callable[[Arrival], None]


class Parser:
    """Parses one connection's bytes. ``handlers`` maps subscription ids, as bytes, to handlers, and may change at any time;
    ``control`` gets every other line (PING, PONG, INFO, +OK, -ERR) without its end."""

    def __init__(self, handlers: Mapping[bytes, ArrivalHandler], control: Callable[[bytes], None]) -> None:
        self._handlers = handlers
        self._control = control
        self._parts: list[bytes] = []
        self._missing = 0

    def feed(self, chunk: bytes) -> bool:
        """Take in ``chunk`` and hand over what is complete, in order, at most `BURST` messages. True: there is more, call
        again with nothing. Raises `BadProtocol`. What a handler raises is logged and does not stop the others."""
        if self._parts:
            self._parts.append(chunk)
            self._missing -= len(chunk)
            if self._missing > 0:
                return False
            chunk = b"".join(self._parts)
            self._parts = []
        self._missing = 0
        handlers = self._handlers
        find = chunk.find
        size = len(chunk)
        at = 0
        more = False
        try:
            for _ in range(BURST):
                eol = find(_CRLF, at)
                if eol < 0:
                    if size - at > _MAX_LINE:
                        raise BadProtocol(f"a line of more than {_MAX_LINE} bytes")
                    break
                operation = chunk[at]
                if operation == _MSG:
                    words = chunk[at + 4 : eol].split()
                    start = body = eol + 2
                elif operation == _HMSG:
                    words = chunk[at + 5 : eol].split()
                    start = eol + 2
                    body = start + int(words.pop(-2))
                else:
                    self._control(chunk[at:eol])
                    at = eol + 2
                    continue
                subject, sid = words[0], words[1]
                end = start + int(words[-1])
                if end + 2 > size:
                    self._missing = end + 2 - size
                    break
                at = end + 2
                handler = handlers.get(sid)
                if handler is not None:
                    arrival = Arrival(
                        subject.decode("utf-8", "surrogateescape"),
                        words[2].decode("utf-8", "surrogateescape") if len(words) == 4 else "",
                        chunk[body:end],
                        chunk[start:body] if body != start else None,
                    )
                    try:
                        handler(arrival)
                    except Exception:  # noqa: BLE001 - one handler's bug must not stop the reading for all others
                        _log.exception("a handler failed on a message on %s", arrival.subject)
            else:
                more = at < size
        except (ValueError, IndexError) as error:
            raise BadProtocol(f"not understood: {chunk[at : at + 100]!r}") from error
        if at < size:
            self._parts = [chunk[at:] if at else chunk]
        return more
