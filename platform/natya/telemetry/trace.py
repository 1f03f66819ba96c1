"""W3C trace context, as far as it is carried: https://www.w3.org/TR/trace-context/#traceparent-header"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span's place: the trace's id, its own id, and whether somebody records the trace."""

    trace: str
    span: str
    sampled: bool

    @classmethod
    def read(cls, traceparent: str) -> TraceContext | None:
        """What the header says, None if it is none."""
        found = _TRACEPARENT.match(traceparent)
        if found is None or (found[1] == "00" and len(traceparent) != 55):
            return None
        return cls(found[2], found[3], bool(int(found[4], 16) & 1))

    @classmethod
    def new(cls) -> TraceContext:
        """The first span of a new trace, recorded."""
        return cls(f"{_id(128):032x}", f"{_id(64):016x}", True)

    def child(self) -> TraceContext:
        """A new span of the same trace."""
        return TraceContext(self.trace, f"{_id(64):016x}", self.sampled)

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{'01' if self.sampled else '00'}"


def child_of(traceparent: str) -> str:
    """The header of a new span below this one; empty if the trace is not recorded, or the header is none."""
    context = TraceContext.read(traceparent)
    return str(context.child()) if context is not None and context.sampled else ""


def _id(bits: int) -> int:
    return random.getrandbits(bits) or 1
