"""What travels: a delivery as it comes off the bus, a message as the runtime knows it, an answer as it goes back.

The headers and their meaning are the wire protocol; other people's programs send them, so every one is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Protocol

import orjson

from natya.errors import Invalid, NatyaError, from_problem
from natya.names import MAX_ID_BYTES

ID: Final = "Natya-Id"
SENT: Final = "Natya-Sent"
ATTEMPT: Final = "Natya-Attempt"
KEEP: Final = "Natya-Keep"
DEADLINE: Final = "Natya-Deadline"
IF_VERSION: Final = "Natya-If-Version"
REPLY_TO: Final = "Natya-Reply-To"
CALLER: Final = "Natya-Caller"
VOUCH: Final = "Natya-Vouch"
REQUEST: Final = "Natya-Request"
CHAIN: Final = "Natya-Chain"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
ERROR_CODE: Final = "Nats-Service-Error-Code"
ERROR_SLUG: Final = "Nats-Service-Error"
RETRY_AFTER: Final = "Retry-After"
MSG_ID: Final = "Nats-Msg-Id"

MAX_PROBLEM_BYTES: Final = 16 * 1024
"""A problem document larger than this is shortened: it stands in the journal, in replies and in dead letters."""
MAX_REPLY_TO_BYTES: Final = 1_000
MAX_REQUEST_BYTES: Final = 100
MAX_TRACE_BYTES: Final = 512
"""Trace context longer than this is not a trace context (W3C asks for 512 at least); it would travel with all that a turn sends."""

DEFAULT_DEADLINE_MS: Final = 30_000
MAX_AHEAD_MS: Final = 30_000
"""How far in the future `Natya-Sent` may lie: a caller's clock that is wrong by more is refused, not believed."""

ANYWHERE: Final = -1
"""The partition of a call that goes to any node, which finds the owner."""

MAX_KEEP: Final = 10 * 366 * 86_400
"""Seconds for which an outcome can be kept: ten years. Far beyond that no store can write down the date."""

NO_HEADERS: Final[Mapping[str, str]] = {}


class Delivery(Protocol):
    """One message as the bus delivers it. ``headers`` may be parsed when first read."""

    @property
    def subject(self) -> str: ...
    @property
    def reply(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def data(self) -> bytes: ...


@dataclass(slots=True)
class Message:
    """One intention on its way to one actor. Times are milliseconds since the epoch.

    ``mail`` is the sequence in the kind's mail stream, 0 for a call; ``arrived`` is when this node got it. ``id`` is empty where the sender gave none and the
    message has not entered a turn yet. ``sent`` is the time of the first attempt. ``request`` names the request that the attempt belongs to,
    if a pending message of another request is not to be joined.
    """

    kind: str
    token: str
    partition: int
    method: str
    body: bytes
    id: str = ""
    sent: int = 0
    attempt: int = 1
    deadline: int = 0
    keep: int = 0
    if_version: int | None = None
    reply_to: str = ""
    caller: str = ""
    request: str = ""
    chain: tuple[str, ...] = ()
    traceparent: str = ""
    tracestate: str = ""
    mail: int = 0
    arrived: int = 0

    @property
    def address(self) -> str:
        """``kind/token``: how the actor is named in chains and logs."""
        return f"{self.kind}/{self.token}"

    def headers(self) -> dict[str, str]:
        """The headers that carry this message to another node."""
        h: dict[str, str] = {}
        if self.id:
            h[ID] = self.id
            h[SENT] = str(self.sent)
            h[ATTEMPT] = str(self.attempt)
        if self.deadline:
            h[DEADLINE] = str(self.deadline)
        if self.keep:
            h[KEEP] = str(self.keep)
        if self.if_version is not None:
            h[IF_VERSION] = str(self.if_version)
        if self.reply_to:
            h[REPLY_TO] = self.reply_to
        if self.caller:
            h[CALLER] = self.caller
        if self.request:
            h[REQUEST] = self.request
        if self.chain:
            h[CHAIN] = ",".join(self.chain)
        if self.traceparent:
            h[TRACEPARENT] = self.traceparent
            if self.tracestate:
                h[TRACESTATE] = self.tracestate
        return h

    def read_headers(self, headers: Mapping[str, str], now: int, *, trusted: bool) -> None:
        """Take over the protocol's headers. ``trusted`` says that `Natya-Caller` may be believed. Raises `Invalid`."""
        get = headers.get
        if id := get(ID):
            check_id(id)
            self.id = id
            sent = get(SENT)
            if sent is None:
                raise Invalid(f"{ID} without {SENT}: say when the first attempt was sent, in ms since the epoch", field=SENT)
            self.sent = _number(SENT, sent)
            if self.sent > now + MAX_AHEAD_MS:
                raise Invalid(
                    f"{SENT} is {(self.sent - now) / 1000:.0f} s in the future: check the sender's clock (now is {now})",
                    field=SENT,
                )
            if attempt := get(ATTEMPT):
                self.attempt = _number(ATTEMPT, attempt, least=1)
        elif ID in headers:
            raise Invalid(f"{ID} is empty: leave it out, or give 1 to {MAX_ID_BYTES} bytes", field=ID)
        if deadline := get(DEADLINE):
            self.deadline = _number(DEADLINE, deadline)
        if keep := get(KEEP):
            self.keep = _number(KEEP, keep)
            if self.keep > MAX_KEEP:
                raise Invalid(f"{KEEP} must be at most {MAX_KEEP} seconds, not {keep}", field=KEEP)
            if not self.id:
                raise Invalid(f"{KEEP} without {ID}: there is nothing to remember the outcome under", field=KEEP)
        if version := get(IF_VERSION):
            self.if_version = _number(IF_VERSION, version)
        if reply_to := get(REPLY_TO):
            check_reply_to(reply_to)
            self.reply_to = reply_to
        if trusted and (caller := get(CALLER)):
            self.caller = caller
        if request := get(REQUEST):
            if len(request) > MAX_REQUEST_BYTES or not (request.isascii() and request.isprintable()):
                raise Invalid(f"{REQUEST} must have at most {MAX_REQUEST_BYTES} printable ASCII characters", field=REQUEST)
            self.request = request
        if chain := get(CHAIN):
            self.chain = tuple(chain.split(","))
        if (traceparent := get(TRACEPARENT)) and len(traceparent) <= MAX_TRACE_BYTES:
            self.traceparent = traceparent
            if len(tracestate := get(TRACESTATE, "")) <= MAX_TRACE_BYTES:
                self.tracestate = tracestate


def digest_of(method: str, body: bytes) -> str:
    """What tells an honest repeat of a message from another message under the same id."""
    return blake2b(b"%b\n%b" % (method.encode(), body), digest_size=8).hexdigest()


def check_id(id: str) -> None:
    """Raise `Invalid` unless ``id`` has 1 to 200 bytes, all printable, none of them a space, and does not start with ``$``
    (ids that the platform gives to stored messages do). What was no text is none either: two such ids may look the same."""
    if (
        not id
        or len(id.encode(errors="replace")) > MAX_ID_BYTES
        or not id.isprintable()
        or " " in id
        or id[0] == "$"
        or "\ufffd" in id
    ):
        raise Invalid(
            f"{ID} must have 1 to {MAX_ID_BYTES} bytes of printable text, without spaces and not beginning with $", field=ID
        )


def check_reply_to(subject: str) -> None:
    """Raise `Invalid` unless ``subject`` can be published to."""
    tokens = subject.split(".")
    if len(subject.encode(errors="replace")) > MAX_REPLY_TO_BYTES:
        raise Invalid(f"{REPLY_TO} has more than {MAX_REPLY_TO_BYTES} bytes", field=REPLY_TO)
    if not subject.isprintable() or any(t in ("", "*", ">") or " " in t for t in tokens) or subject.startswith("$"):
        raise Invalid(f"{subject!r} is not a subject that a result can be published to", field=REPLY_TO)


def _number(name: str, text: str, *, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16) or int(text) < least:
        raise Invalid(f"{name} must be a whole number from {least}, not {text!r}", field=name)
    return int(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a message: a JSON result, or an error with its problem document as body (also JSON).

    ``code`` is 0 for a result, else the error's number.
    """

    body: bytes
    code: int = 0
    slug: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.code == 0

    @classmethod
    def of(cls, error: NatyaError) -> Answer:
        return cls(_problem(error), error.code, error.slug, error.retry_after)

    def error(self) -> NatyaError:
        """The error this answer stands for (only if not `ok`)."""
        try:
            document: Any = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            document = {"detail": self.body.decode(errors="replace")}
        return from_problem(self.code, self.slug, document if isinstance(document, dict) else {"detail": str(document)})

    def headers(self) -> dict[str, str] | None:
        """The reply's headers, None for a plain result."""
        if self.code == 0:
            return None
        headers = {ERROR_CODE: str(self.code), ERROR_SLUG: self.slug}
        if self.retry_after is not None:
            headers[RETRY_AFTER] = f"{max(1, round(self.retry_after))}"
        return headers

    @classmethod
    def read(cls, delivery: Delivery) -> Answer:
        """The answer that a reply carries."""
        headers = delivery.headers
        code = headers.get(ERROR_CODE)
        if code is None:
            return cls(delivery.data)
        after = headers.get(RETRY_AFTER)
        return cls(
            delivery.data,
            int(code) if code.isdecimal() else 500,
            headers.get(ERROR_SLUG, "internal"),
            float(after) if after and after.isdecimal() else None,
        )


def _problem(error: NatyaError) -> bytes:
    """The problem document as JSON, whatever a handler has put into it: what cannot be written, or has no end, is left out."""
    document = error.problem()
    try:
        body = orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS)
        if len(body) <= MAX_PROBLEM_BYTES:
            return body
    except orjson.JSONEncodeError:
        pass
    short = {name: document[name] for name in ("type", "title", "status", "code")}
    detail = error.detail[:1_000].encode(errors="replace").decode()
    return orjson.dumps(short | {"detail": detail, "shortened": True})


Waiter = Callable[[Answer], None]
"""Whoever waits for an answer: called once, must not block."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that leaves after its turn is committed: a tell, an event, a dead letter, a reply to ``Natya-Reply-To``.

    ``to`` is the encoded key that a tell goes to, empty for the others. ``stored`` is True if a stream takes the message and
    acknowledges it, False for a plain publish. Its id comes from its place in the journal, when it is sent.
    """

    subject: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    to: str = ""
    stored: bool = True
