"""One call as the protocol has it, attempt by attempt: what a client library hides."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from natya.message import Answer, Message
from natya.names import encode_key, partition_of
from natya.testing import TestPlatform


async def attempt(
    platform: TestPlatform,
    kind: str,
    key: str,
    method: str,
    *,
    id: str,
    sent: int | None = None,
    number: int = 1,
    deadline: int = 0,
    keep: int = 0,
    request: str = "",
    timeout: float = 2.0,
    partitions: int = 1,
    **arguments: Any,
) -> Answer:
    """Send one attempt to the owner and await its answer. Raises `NoReply`, `NoResponders`."""
    token = encode_key(key)
    message = Message(
        kind, token, partition_of(token, partitions), method, orjson.dumps(arguments), id=id,
        sent=platform.clock.now_ms() if sent is None else sent, attempt=number, deadline=deadline, keep=keep, request=request,
    )  # fmt: skip
    subject = platform.cluster.broker.subjects.call(kind, message.partition, token, method)
    return Answer.read(await platform.bus.request(subject, message.body, message.headers(), timeout=timeout))


async def told(platform: TestPlatform, key: str, method: str, **arguments: object) -> int:
    """A tell as the stock command line sends it: without an id."""
    return await platform.bus.store(f"natya.tell.ledger.{key}.{method}", orjson.dumps(arguments), timeout=1.0)


async def started(platform: TestPlatform, work: Any) -> asyncio.Task[Any]:
    """Begin ``work`` and let everything run that can without time passing."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    await platform.clock.settle()
    return task


def result(answer: Answer) -> Any:
    """The result, or the slug of the error."""
    return answer.slug if answer.code else orjson.loads(answer.body)
