"""What happened, in order, for a person to read and for two runs to be compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from hashlib import blake2b

from natya.telemetry.events import Event, NodeGauges, PartitionGauges


class Trace:
    """Lines of virtual time, who, and what. They are formatted only when somebody reads them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: list[tuple[float, str, str | Event]] = []

    def add(self, who: str, what: str) -> None:
        self._entries.append((self._now(), who, what))

    def hook(self, who: str) -> Callable[[Event], None]:
        """For `natya.telemetry.Telemetry`: what a node tells of itself."""

        def heard(event: Event) -> None:
            if not isinstance(event, (NodeGauges, PartitionGauges)):
                self._entries.append((self._now(), who, event))

        return heard

    def events(self) -> list[tuple[str, Event]]:
        """Who told what."""
        return [(who, what) for _, who, what in self._entries if isinstance(what, Event)]

    def lines(self) -> Iterator[str]:
        for time, who, what in self._entries:
            yield f"{time:11.6f}  {who:<8} {what if isinstance(what, str) else _told(what)}"

    def digest(self) -> str:
        """The same for the same trace."""
        state = blake2b(digest_size=16)
        for line in self.lines():
            state.update(line.encode() + b"\n")
        return state.hexdigest()


def _told(event: Event) -> str:
    values = ((field.name, getattr(event, field.name)) for field in fields(event))
    return f"· {type(event).__name__} " + " ".join(f"{name}={_short(value)}" for name, value in values)


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value) if isinstance(value, BaseException) else str(value)
