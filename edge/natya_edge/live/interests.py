"""Who wants which events: an event finds its subscribers by eight look-ups, however many there are."""

from __future__ import annotations

from collections.abc import Iterator

from natya.names import decode_key
from natya.ports.events import Event, Wanted
from natya_edge.live.subscriber import Subscriber

_Pattern = tuple[str | None, str | None, str | None]


class Interests:
    """Subscribers by the patterns of what they want; None stands for all."""

    def __init__(self) -> None:
        self._by_pattern: dict[_Pattern, set[Subscriber]] = {}

    def add(self, subscriber: Subscriber) -> None:
        for pattern in _patterns(subscriber.wanted):
            self._by_pattern.setdefault(pattern, set()).add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Undo `add`. Does nothing if it is not there."""
        for pattern in _patterns(subscriber.wanted):
            there = self._by_pattern.get(pattern, set())
            there.discard(subscriber)
            if not there:
                self._by_pattern.pop(pattern, None)

    def find(self, event: Event) -> Iterator[Subscriber]:
        """Those who want the event, each once: no event is of two patterns of one subscriber."""
        for kind in (event.kind, None):
            for key in (event.key, None):
                for name in (event.name, None):
                    yield from self._by_pattern.get((kind, key, name), ())


def _patterns(wanted: Wanted) -> list[_Pattern]:
    def some(word: str) -> str | None:
        return None if word == "*" else word

    # A key may be a star; its token is not.
    return [(some(kind), None if token == "*" else decode_key(token), some(name)) for kind, token, name in wanted.patterns()]
