"""The two ways to the platform: bare nats-py, and HTTP."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import jwt
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as SilenceError

from natya.message import ATTEMPT, DEADLINE, ERROR_CODE, ERROR_SLUG, ID, MSG_ID, RETRY_AFTER, SENT
from natya.names import Subjects, encode_key
from natya_edge.auth.principal import Principal
from natya_edge.headers import IDEMPOTENCY_KEY
from natya_edge.tickets import message_id
from natya_ops.chaos.record import Operation, Verb
from natya_ops.chaos.workload.insist import Attempt
from natya_ops.chaos.workload.outcomes import Heard, Result, Unheard

EDGE_WAIT: Final = 5
"""Seconds that the edge is given for one answer; it repeats by itself meanwhile."""
GRACE: Final = 1.5
"""Seconds beyond that until the edge itself counts as silent."""
LONGEST_AFTER: Final = 0.5
"""``Retry-After`` is whole seconds; whoever measures recovery looks more often."""


class NatsCourier:
    """Sends to ``natya.ask.…`` and ``natya.tell.…``, as anybody can."""

    again = False

    def __init__(self, connection: Client, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    def id_of(self, name: str) -> str:
        """The id of the operation that is called ``name``."""
        return name

    async def carry(self, operation: Operation, attempt: Attempt) -> Result:
        token = encode_key(operation.key)
        headers = {DEADLINE: str(attempt.deadline)}
        if operation.verb is not Verb.QUERY:
            headers |= {ID: operation.id, SENT: str(attempt.sent), ATTEMPT: str(attempt.number)}
        if operation.verb is Verb.TELL:
            subject = self._subjects.tell(operation.kind, token, operation.method)
            headers[MSG_ID] = f"{token}/{operation.id}"
        else:
            subject = self._subjects.ask(operation.kind, token, operation.method)
        body = json.dumps(operation.arguments).encode() if operation.arguments else b""
        try:
            reply = await self._connection.request(subject, body, timeout=attempt.wait, headers=headers)
        except NoRespondersError:
            return Unheard("no responders", arrived=False)
        except SilenceError:
            return Unheard("silence", waited=True)
        except Error as error:  # the connection is lost, and nats-py was told to keep nothing for later
            return Unheard(f"not sent: {type(error).__name__}", arrived=False)
        return _stored(reply) if operation.verb is Verb.TELL else _answered(reply)


def _answered(reply: Msg) -> Heard:
    headers = reply.headers or {}
    body = json.loads(reply.data) if reply.data else None
    return Heard(int(headers.get(ERROR_CODE, 0)), headers.get(ERROR_SLUG, ""), body, _after(headers.get(RETRY_AFTER)))


def _stored(reply: Msg) -> Result:
    """The stream's answer to a tell; an error of the stream says nothing for certain of what is stored."""
    body = json.loads(reply.data)
    if "error" in body:
        return Unheard(f"stream: {body['error'].get('description', body['error'])}")
    return Heard(0, "", body)


def _after(header: str | None) -> float:
    return min(float(header), LONGEST_AFTER) if header and header.isdecimal() else 0.0


class EdgeCourier:
    """Sends HTTP requests to the edge at ``url``, with an ``Idempotency-Key`` for what changes something."""

    again = True

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._authorization = {"Authorization": f"Bearer {token}"}
        claims = jwt.decode(token, options={"verify_signature": False})
        self._principal = Principal(claims["sub"], issuer=claims["iss"])
        self._names: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        """The id under which the edge passes on what has ``name`` as its ``Idempotency-Key``."""
        id = message_id(self._principal, name)
        self._names[id] = name
        return id

    async def carry(self, operation: Operation, attempt: Attempt) -> Result:
        url = f"{self._url}/v1/actors/{operation.kind}/{operation.key}/{operation.method}"
        left = attempt.deadline / 1000 - time.time()
        wait = max(1, min(EDGE_WAIT, math.ceil(left)))
        headers = {**self._authorization, "Prefer": f"wait={wait}"}
        reads = operation.verb is Verb.QUERY
        given: dict[str, Any] = {"params": operation.arguments} if reads else {"json": operation.arguments}
        if not reads:
            headers[IDEMPOTENCY_KEY] = self._names[operation.id]
        timeout = aiohttp.ClientTimeout(total=wait + GRACE)
        try:
            async with self._session.request(
                "GET" if reads else "POST", url, headers=headers, timeout=timeout, **given
            ) as response:
                body = await response.json(content_type=None)
        except aiohttp.ClientConnectorError:
            return Unheard("connection refused", arrived=False)
        except TimeoutError:
            return Unheard("silence", waited=True)
        except (aiohttp.ClientError, json.JSONDecodeError) as error:
            return Unheard(f"broken off: {type(error).__name__}")
        if response.status < 300:
            return Heard(0, "", body)
        slug = body.get("code", "") if isinstance(body, dict) else ""
        return Heard(response.status, slug, body, _after(response.headers.get(RETRY_AFTER)))


@dataclass(frozen=True, slots=True)
class Couriers:
    """Both ways, by the names that operations give them, and the connection to NATS."""

    by_name: dict[str, NatsCourier | EdgeCourier]
    connection: Client


@asynccontextmanager
async def open_couriers(nats_url: str, http: str, token: str, subjects: Subjects) -> AsyncIterator[Couriers]:
    """Connect to NATS, again and again for as long as it takes, and prepare to talk to the edge.

    Nothing is buffered while there is no connection: what cannot be sent now must not turn up later, behind its caller's back.
    """

    async def quiet(_: Exception) -> None:
        return

    connection = await nats.connect(
        nats_url.split(","), name="natya chaos", max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet,
        ping_interval=2, max_outstanding_pings=2, pending_size=0, connect_timeout=2,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield Couriers(
                {"nats": NatsCourier(connection, subjects), "edge": EdgeCourier(session, http, token)}, connection
            )
    finally:
        await connection.close()
