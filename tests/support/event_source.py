"""Server-sent events as a browser's EventSource reads them (WHATWG HTML, 9.2.6), byte by byte and without mercy.

Not a client library: those forgive what a browser would not.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientResponse, ClientSession


@dataclass(frozen=True)
class Message:
    """One dispatched event. ``last_id`` is what a browser would send as Last-Event-ID from here on."""

    type: str
    data: str
    last_id: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def body(self) -> Any:
        return self.json["body"]


class Parser:
    """Bytes in, messages out. ``last_id``, ``retry`` (ms) and ``comments`` are what a browser remembers, or would not show."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._type = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[Message]:
        text = self._rest + self._decoder.decode(chunk)
        # A CR at the end may be the first half of CRLF.
        held = text.endswith("\r")
        lines = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + ("\r" if held else "")
        return [message for line in lines if (message := self._line(line)) is not None]

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            self.comments.append(line[1:])
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._type = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value)
        return None

    def _dispatch(self) -> Message | None:
        self.last_id = self._id
        data, type = "\n".join(self._data), self._type
        self._data, self._type = [], ""
        return Message(type or "message", data, self.last_id) if data else None


class EventSource:
    """One connection of an EventSource."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.parser = Parser()
        self._waiting: list[Message] = []

    async def next(self, limit: float = 20.0) -> Message:
        """The next message; fails after ``limit`` seconds, raises `EOFError` at the end of the stream."""
        async with asyncio.timeout(limit):
            while not self._waiting:
                chunk = await self.response.content.readany()
                if not chunk:
                    raise EOFError
                self._waiting = self.parser.feed(chunk)
        return self._waiting.pop(0)

    async def take(self, count: int) -> list[Message]:
        return [await self.next() for _ in range(count)]

    async def until_id(self, wanted: str, limit: float = 20.0) -> None:
        """Read on until a block without data has brought this id."""
        async with asyncio.timeout(limit):
            while self.parser.last_id != wanted:
                assert not self._waiting
                self._waiting = self.parser.feed(await self.response.content.readany())

    async def rest(self) -> list[Message]:
        """All until the stream ends."""
        found = []
        while True:
            try:
                found.append(await self.next())
            except EOFError:
                return found


@asynccontextmanager
async def event_source(
    http: ClientSession, query: str = "", *, last_id: str = "", **headers: str
) -> AsyncIterator[EventSource]:
    """Connect, as a browser would: with the id that it has, if it has one. Returns once the stream is open."""
    given = {"Accept": "text/event-stream", "Cache-Control": "no-store"} | headers
    if last_id:
        given["Last-Event-ID"] = last_id
    async with http.get(f"/v1/events{query}", headers=given) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        source = EventSource(response)
        async with asyncio.timeout(20):
            while source.parser.retry is None or not source.parser.last_id:
                source._waiting += source.parser.feed(await response.content.readany())
        yield source
