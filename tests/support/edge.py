"""The edge in tests: a platform that only records, actors with parameters of every type, and requests byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel, PositiveInt

from natya import Actor, Deprecated, StatelessActor, command, query
from natya.manifest import Definition
from natya.memory import MemoryBroker, MemoryBus, MemoryEvents
from natya.message import Answer
from natya.names import encode_key
from natya.outcome import NOTHING, Outcome
from natya.ref import Options
from natya_actors import Account

SECRET = "a-secret-for-tests-of-the-edge-with-enough-bytes"
NOW_MS = 1_900_000_000_000


class Color(StrEnum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Mixed(Enum):
    ONE = 1
    TWO = "two"


class Point(BaseModel):
    x: int


class TypesState(BaseModel):
    called: int = 0


class Types(Actor[TypesState]):
    """A query with parameters of every type, and methods with options."""

    @query
    async def typed(
        self,
        whole: PositiveInt = 1,
        real: float = 0.0,
        flag: bool = False,
        text: str = "",
        maybe: int | None = None,
        numbers: list[int] = [],  # noqa: B006
        perhaps: list[int] | None = None,
        pair: tuple[int, str] = (0, ""),
        point: Point | None = None,
        color: Color = Color.RED,
        size: Size = Size.SMALL,
        mixed: Mixed = Mixed.ONE,
        choice: Literal[1, "a"] = 1,
        money: Decimal = Decimal(0),
        when: datetime | None = None,
        day: date | None = None,
        span: timedelta = timedelta(),
        uuid: UUID | None = None,
        raw: bytes = b"",
        anything: Any = None,
        either: int | str = 0,
        table: dict[str, int] = {},  # noqa: B006
    ) -> str:
        return ""

    @query(max_age=5.0)
    async def cached(self) -> int:
        return 1

    @command(scope="types:write")
    async def guarded(self) -> None: ...


class Part(BaseModel):
    name: str = ""
    price: float = 0.0


class GoodsState(BaseModel):
    count: int = 0
    price: float | None = None
    label: str | None = None
    color: Color = Color.RED
    sold: bool = False
    made: datetime | None = None
    tags: list[str] = []
    part: Part = Part()
    parts: list[Part] = []
    secret: str = ""


class Goods(
    Actor[GoodsState],
    version="2026.11",
    deprecated=Deprecated(date(2026, 11, 1), date(2027, 6, 30), "https://example.com/goods"),
    indexes=[
        [("count", 1), ("price", -1)], [("label", 1)], [("color", 1)], [("sold", 1)], [("made", -1)], [("tags", 1)],
        [("part.name", 1)], [("parts.name", 1)], [("part", 1)],
    ],
):  # fmt: skip
    """Things to be listed."""

    @query
    async def worth(self) -> int:
        return 1

    @query(deprecated=Deprecated(date(2026, 1, 1)))
    async def cost(self) -> int:
        return 1


class Plain(StatelessActor):
    """Keeps nothing."""

    @query
    async def nothing(self) -> None: ...


KINDS = (("account", Account), ("types", Types), ("plain", Plain), ("goods", Goods))
DEFINITIONS = {name: Definition.of(kind) for name, kind in KINDS}


@dataclass
class Call:
    """One call that came to the platform."""

    kind: str
    key: str
    method: str
    body: bytes
    options: Options
    caller: str
    traceparent: str
    exclusive: bool = False


@dataclass
class RecordingPlatform:
    """Implements `natya_edge.gateway.Calls`: gives ``answer``, or raises it; of messages it says ``found``, or raises that."""

    answer: Answer | Exception = field(default_factory=lambda: Answer(b'{"balance":5}'))
    connected: bool = True
    kinds: dict[str, dict[str, Any]] = field(default_factory=lambda: {k: d.manifest() for k, d in DEFINITIONS.items()})
    calls: list[Call] = field(default_factory=list)
    stored: list[Call] = field(default_factory=list)
    found: Outcome | Exception = NOTHING
    asked: list[tuple[str, str, str, float]] = field(default_factory=list)
    all_written: int | Exception | None = NOW_MS
    freshness_asked: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    unserved: int = 0
    event_stream: MemoryEvents = field(default_factory=lambda: MemoryEvents(MemoryBus(MemoryBroker())))

    async def emit(self, *bodies: object, kind: str = "account", key: str = "ada", name: str = "changed") -> int:
        """Publish events; the last one's sequence."""
        subject = self.event_stream.bus.broker.subjects.event(kind, encode_key(key), name)
        sequence = 0
        for body in bodies:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
            sequence = await self.event_stream.bus.store(subject, data, {"Nats-Msg-Id": f"i{uuid4()}"}, timeout=5)
        return sequence

    async def call(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        *,
        caller: str = "",
        traceparent: str = "",
        exclusive: bool = False,
        unserved: Callable[[], None] | None = None,
    ) -> Answer:
        self.calls.append(Call(kind, key, method, body, options, caller, traceparent, exclusive))
        if unserved is not None:
            for _ in range(self.unserved):
                unserved()
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def store(
        self, kind: str, key: str, method: str, body: bytes, options: Options, *, caller: str = "", traceparent: str = ""
    ) -> int:
        self.stored.append(Call(kind, key, method, body, options, caller, traceparent))
        return len(self.stored)

    async def written(self, kind: str, *, timeout: float = 1.0) -> int | None:
        self.freshness_asked.append(kind)
        if isinstance(self.all_written, Exception):
            raise self.all_written
        return self.all_written

    async def outcome(self, kind: str, key: str, id: str, *, wait: float = 0.0, timeout: float = 5.0) -> Outcome:
        self.asked.append((kind, key, id, wait))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@dataclass(frozen=True)
class Response:
    """A response as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def send_raw(host: str, port: int, request: bytes) -> Response:
    """Send these bytes on a new connection and read one response with a Content-Length. A test's own client would mend what is
    to be tested."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.title(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["Content-Length"]))
            return Response(int(head[0].split()[1]), headers, body)
        finally:
            writer.close()
            await writer.wait_closed()
