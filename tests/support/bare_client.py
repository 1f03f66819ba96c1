"""The wire protocol from the outside: nats-py and what the protocol's text says, nothing of the library under test.

Encoding, partition and retry are written here anew on purpose: that both sides agree is what the tests show.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NoReplyError
from nats.js.api import PubAck, RawStreamMsg
from nats.js.errors import NotFoundError

SAFE = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~@:+=")

Parameters = Mapping[str, Any] | bytes


def token_of(key: str) -> str:
    """How a key is written in a subject."""
    return "".join(chr(byte) if byte in SAFE else f"%{byte:02X}" for byte in key.encode())


def partition_of(token: str, partitions: int) -> int:
    """FNV-1a, 32 bit."""
    number = 2166136261
    for byte in token.encode():
        number = (number ^ byte) * 16777619 % 2**32
    return number % partitions


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def new_id() -> str:
    return secrets.token_hex(8)


def first_attempt(id: str = "", **more: str) -> dict[str, str]:
    """The headers of the first attempt of a message with an id: ``more`` are others, ``_`` standing for ``-``."""
    headers = {"Natya-Id": id or new_id(), "Natya-Sent": str(now()), "Natya-Attempt": "1"}
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it came. ``code`` is 0 and ``slug`` empty for a result."""

    code: int
    slug: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def outcome(self) -> tuple[int, str]:
        return self.code, self.slug

    @property
    def result(self) -> Any:
        """The JSON result; an error's reply fails the test."""
        assert self.code == 0, f"{self.code} {self.slug}: {self.body!r}"
        return self.json


class GaveUpError(Exception):
    """Raised when there was no answer until the deadline: the message may or may not have taken effect."""


class Bare:
    """A client that knows the protocol and no more."""

    def __init__(self, connection: Client, namespace: str = "natya") -> None:
        self.connection = connection
        self.js = connection.jetstream()
        self.namespace = namespace

    # asks

    async def request(
        self, subject: str, parameters: Parameters = b"", headers: Mapping[str, str] | None = None, timeout: float = 20
    ) -> Reply:
        body = parameters if isinstance(parameters, bytes) else json.dumps(parameters).encode()
        message = await self.connection.request(subject, body, timeout=timeout, headers=dict(headers or {}))
        found = dict(message.headers or {})
        return Reply(int(found.get("Nats-Service-Error-Code", 0)), found.get("Nats-Service-Error", ""), found, message.data)

    async def ask(
        self, kind: str, key: str, method: str, parameters: Parameters = b"", headers: Mapping[str, str] | None = None,
        timeout: float = 20,
    ) -> Reply:  # fmt: skip
        return await self.request(self.subject("ask", kind, token_of(key), method), parameters, headers, timeout)

    async def call(
        self, kind: str, key: str, method: str, parameters: Parameters = b"", headers: Mapping[str, str] | None = None,
        *, partition: int | None = None, partitions: int = 16, timeout: float = 20,
    ) -> Reply:  # fmt: skip
        """Straight to the owner of the key's partition, or of another."""
        token = token_of(key)
        number = partition_of(token, partitions) if partition is None else partition
        return await self.request(self.subject("call", kind, number, token, method), parameters, headers, timeout)

    async def insist(
        self, kind: str, key: str, method: str, parameters: Parameters = b"", *, id: str = "", seconds: float = 60,
        attempts: list[str] | None = None,
    ) -> Reply:  # fmt: skip
        """Ask as the protocol says: the same id and first sent time, the next attempt number, on silence, on *no responders* and
        on 503. ``attempts`` collects why an attempt was not the last. Raises `GaveUpError`."""
        headers = first_attempt(id)
        deadline = int(headers["Natya-Sent"]) + int(seconds * 1000)
        headers["Natya-Deadline"] = str(deadline)
        why = [] if attempts is None else attempts
        for attempt in itertools.count(1):
            headers["Natya-Attempt"] = str(attempt)
            left = (deadline - now()) / 1000
            if left <= 0:
                raise GaveUpError(f"{kind}/{key} {method}: no answer after {attempt - 1} attempts: {why[-5:]}")
            try:
                reply = await self.ask(kind, key, method, parameters, headers, timeout=min(1.0, left))
            except NoRespondersError:
                why.append("no responders")
            except NoReplyError:
                why.append("silence")
                continue
            except Error as error:
                why.append(repr(error))
            else:
                if reply.code != 503:
                    return reply
                why.append(reply.slug)
            await asyncio.sleep(0.05)
        raise AssertionError

    # tells

    async def tell(
        self, kind: str, key: str, method: str, parameters: Parameters = b"", headers: Mapping[str, str] | None = None
    ) -> PubAck:
        """Publish to JetStream; returns when it is stored."""
        body = parameters if isinstance(parameters, bytes) else json.dumps(parameters).encode()
        subject = self.subject("tell", kind, token_of(key), method)
        return await self.js.publish(subject, body, timeout=10, headers=dict(headers or {}))

    async def insist_on_telling(
        self, kind: str, key: str, method: str, parameters: Parameters, *, id: str, seconds: float = 60
    ) -> None:
        """Tell until it is stored, under one id. Raises `GaveUpError`."""
        headers = first_attempt(id) | {"Nats-Msg-Id": f"{token_of(key)}/{id}"}
        body = parameters if isinstance(parameters, bytes) else json.dumps(parameters).encode()
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            try:
                await self.js.publish(
                    self.subject("tell", kind, token_of(key), method), body, timeout=1.0, headers=dict(headers)
                )
            except (Error, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                return
        raise GaveUpError(f"{kind}/{key} {method}: not stored")

    # streams

    async def stored(self, stream: str, subject: str = ">") -> list[RawStreamMsg]:
        """Every message that a stream holds now on a subject, in order."""
        found: list[RawStreamMsg] = []
        sequence = 1
        while True:
            try:
                message = await self.js.get_msg(stream, sequence, subject=subject, next=True)
            except NotFoundError:
                return found
            assert message.seq is not None
            found.append(message)
            sequence = message.seq + 1

    async def records(self, kind: str, partition: int) -> list[dict[str, Any]]:
        """The journal records of a partition, each with its sequence as ``sequence``."""
        stream = f"{self.namespace}_journal_{kind}_{partition % 4}"
        return [
            json.loads(message.data or b"") | {"sequence": message.seq}
            for message in await self.stored(stream, self.subject("journal", kind, partition))
        ]

    def subject(self, *tokens: object) -> str:
        return ".".join([self.namespace, *map(str, tokens)])


@asynccontextmanager
async def bare_client(url: str) -> AsyncIterator[Bare]:
    """A connection that is made again for as long as it takes."""

    async def quiet(_: Exception) -> None:
        return

    connection = await nats.connect(
        url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet, ping_interval=2, max_outstanding_pings=2,
        allow_reconnect=True,
    )  # fmt: skip
    try:
        yield Bare(connection)
    finally:
        await connection.close()
