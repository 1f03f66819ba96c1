"""Requests to JetStream: its API, its acknowledgements, and what its error numbers mean to us.

The numbers are those of nats-server's ``server/errors.json`` (2.15). A number we do not know is judged by its HTTP-like code:
4xx is a *no*, anything else is temporary.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

import orjson

from natya.jetstream.connection import Connection
from natya.jetstream.headers import parse_headers
from natya.jetstream.parser import Arrival
from natya.ports.bus import Disconnected, NoReply, NoResponders

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"

NO_MESSAGE: Final = 10037
STREAM_NOT_FOUND: Final = 10059
NAME_IN_USE: Final = 10058
NOT_ENABLED: Final = frozenset({10076, 10039})

_CONFLICT: Final = 10071
_TOO_LARGE: Final = frozenset({10054, 10097})  # message, header
_NO_ROOM: Final = frozenset(
    {
        10002,  # resource limits exceeded for account
        10023,  # insufficient resources: the server's own limit
        10028,  # insufficient memory
        10047,  # insufficient storage
        10077,  # not stored: the stream's limits, with `discard: new`
        10120,  # no limits defined for the account
        10122,  # exceeds the account's limit on a stream's bytes
    }
)
_TEMPORARY: Final = frozenset(
    {
        10158,  # duplicate id is in process
        10164,  # another append for this subject is in flight: perhaps our own earlier one
    }
)
_LEADERLESS: Final = frozenset(
    {
        10007,  # not assigned to this server
        10009,  # not the leader
        10041,  # consensus failed
        10118,  # stream is offline
        10119,  # consumer is offline
        10194,  # stream is offline, with the reason
        10195,  # consumer is offline, with the reason
    }
)
_REPEAT_AFTER: Final = 0.5
_FINAL: Final = frozenset({10111, 10052, 10053})  # roll-up refused, invalid settings, limits: marked 500 all the same


class Verdict(Enum):
    """What an error says about a message that was to be stored."""

    CONFLICT = auto()
    """Not stored: another sequence is the last."""
    TOO_LARGE = auto()
    """Not stored: it is too large."""
    NO_ROOM = auto()
    """Not stored: a quota, a limit or the disk."""
    UNKNOWN = auto()
    """Not known, or not now: no leader, a duplicate in flight, too many requests."""
    REFUSED = auto()
    """Not stored, and never will be."""


class ApiError(Exception):
    """Raised when JetStream answers with an error. ``number`` is its own, ``code`` HTTP-like."""

    def __init__(self, code: int, number: int, description: str) -> None:
        super().__init__(f"{description} ({number})")
        self.code = code
        self.number = number
        self.description = description

    @property
    def verdict(self) -> Verdict:
        if self.number == _CONFLICT:
            return Verdict.CONFLICT
        if self.number in _TOO_LARGE:
            return Verdict.TOO_LARGE
        if self.number in _NO_ROOM:
            return Verdict.NO_ROOM
        if self.number in _FINAL:
            return Verdict.REFUSED
        if self.number in _TEMPORARY or not 400 <= self.code < 500 or self.code in (408, 429):
            return Verdict.UNKNOWN
        return Verdict.REFUSED

    @property
    def temporary(self) -> bool:
        """Whether the same request may get another answer in a moment."""
        return self.number not in NOT_ENABLED and (
            self.number in _LEADERLESS or (self.verdict is Verdict.UNKNOWN and self.code != 500)
        )


class NoAnswer(Exception):
    """Raised when JetStream gave no answer that says anything: nothing is known."""


class Silence(NoAnswer):
    """Raised when JetStream gave no answer at all in the time it had."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message. ``time`` in milliseconds since the epoch."""

    subject: str
    sequence: int
    data: bytes
    headers: dict[str, str]
    time: int


def _read(reply: Arrival) -> dict[str, Any]:
    if reply.status == 429:
        raise ApiError(429, 10167, "too many requests")
    try:
        document = orjson.loads(reply.data)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise ApiError(400, 0, f"the answer is not from JetStream: {reply.data[:100]!r}")
    error = document.get("error")
    if error:
        raise ApiError(int(error.get("code", 500)), int(error.get("err_code", 0)), str(error.get("description", "")))
    return document


def read_ack(reply: Arrival) -> int:
    """The sequence that an acknowledgement names. Raises `ApiError`."""
    sequence = _read(reply).get("seq")
    if not isinstance(sequence, int) or sequence <= 0:
        raise ApiError(400, 0, f"the answer is not an acknowledgement: {reply.data[:100]!r}")
    return sequence


async def api(connection: Connection, verb: str, body: Any = None, *, timeout: float = 5.0) -> dict[str, Any]:
    """Ask ``$JS.API.<verb>``. Raises `ApiError` for a clear error, `NoAnswer` where nothing is known."""
    try:
        reply = await connection.request(f"$JS.API.{verb}", b"" if body is None else orjson.dumps(body), timeout=timeout)
        return _read(reply)
    except NoReply as error:
        raise Silence(str(error)) from error
    except (Disconnected, NoResponders) as error:
        raise NoAnswer(str(error)) from error
    except ApiError as error:
        if error.temporary:
            raise NoAnswer(str(error)) from error
        raise


async def repeat(connection: Connection, verb: str, body: Any = None, *, timeout: float = 5.0) -> dict[str, Any]:
    """`api` for what may be asked twice: asked again after 0.5 s of silence, then after 1 s and so on, until ``timeout``. What
    has no leader answers nobody, and the leader that is elected has not heard what was asked before."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + timeout, _REPEAT_AFTER
    while True:
        left = end - loop.time()
        try:
            return await api(connection, verb, body, timeout=min(pause, left))
        except Silence:
            if left <= pause:
                raise
        pause *= 2


async def get_message(connection: Connection, stream: str, query: dict[str, Any], *, timeout: float = 5.0) -> Stored | None:
    """One stored message as the stream's leader knows it, None if there is none. ``query``: ``seq``, ``last_by_subj`` or
    ``next_by_subj`` (with ``seq``). Raises `NoAnswer`."""
    try:
        answer = await repeat(connection, f"STREAM.MSG.GET.{stream}", query, timeout=timeout)
    except ApiError as error:
        if error.number == NO_MESSAGE:
            return None
        raise NoAnswer(f"stream {stream}: {error}") from error
    message = answer["message"]
    return Stored(
        subject=message["subject"],
        sequence=message["seq"],
        data=b64decode(message.get("data", "")),
        headers=parse_headers(b64decode(message.get("hdrs", ""))),
        time=_milliseconds(message["time"]),
    )


async def purge(connection: Connection, stream: str, subject: str, *, before: int, timeout: float = 5.0) -> None:
    """Forget messages on ``subject`` with a sequence below ``before``. Raises `NoAnswer`."""
    query = {"filter": subject, "seq": max(1, before)}  # 0 would mean everything
    try:
        await repeat(connection, f"STREAM.PURGE.{stream}", query, timeout=timeout)
    except ApiError as error:
        raise NoAnswer(f"stream {stream}: {error}") from error


def _milliseconds(time: str) -> int:
    # RFC 3339 in UTC, with up to nine digits after the point; integers, for a float would round.
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 1000 + int((fraction + "000")[:3])
