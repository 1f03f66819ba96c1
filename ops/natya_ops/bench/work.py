"""What the load generator is asked to do, and what it reports."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

SUBJECT = "bench.load"
"""Where the load generator takes its work, as a NATS request."""


@dataclass(frozen=True, slots=True)
class Work:
    """Requests to ``subject``, a NATS subject or a URL, in which ``{}`` is each of ``keys`` in turn, by ``callers`` that each send one after another.

    It ends after ``seconds``, or after so many ``requests`` if that is set. With ``ids`` each request carries an id of its own.
    Over HTTP they carry ``token``; and with a ``rate``, so many a second are sent over so many connections as there are callers, answered or not.
    """

    subject: str
    keys: Sequence[str]
    body: str = ""
    callers: int = 1
    seconds: float = 1.0
    requests: int | None = None
    ids: bool = False
    timeout: float = 30.0
    token: str = ""
    rate: float = 0.0

    def encode(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Done:
    """``succeeded`` requests in ``seconds``, with percentiles of their latencies in seconds by name (``p50``, ``p99``, ``max``);
    ``failed`` ones count for nothing, ``failure`` is the first of them. ``refused`` are those answered with 503 where that is to be expected, with
    percentiles of their latencies."""

    succeeded: int
    seconds: float
    latencies: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    failure: str = ""
    refused: int = 0
    refusals: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests per second that succeeded."""
        return self.succeeded / self.seconds

    def encode(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        return cls(**json.loads(data))

    @classmethod
    def of(cls, seconds: float, latencies: list[float], failures: list[str], refusals: Sequence[float] = ()) -> Self:
        """The report on requests that took ``latencies``, and others that were refused after ``refusals``."""
        return cls(
            len(latencies),
            seconds,
            _percentiles(latencies),
            len(failures),
            failures[0] if failures else "",
            len(refusals),
            _percentiles(refusals),
        )


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": at(ordered, 0.5), "p99": at(ordered, 0.99), "max": ordered[-1]} if ordered else {}


def at(ordered: Sequence[float], part: float) -> float:
    """The value below which ``part`` of a sorted sequence lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def as_json(value: Any) -> Any:
    """A dataclass as JSON-able data, numbers rounded to what they are worth."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
