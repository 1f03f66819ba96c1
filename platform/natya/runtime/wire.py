"""From a delivery to a message, and from an answer to a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natya.errors import Invalid
from natya.message import Answer, Delivery, Message
from natya.names import decode_key, partition_of
from natya.ports.bus import Bus

if TYPE_CHECKING:
    from natya.manifest import Definition


def respond(bus: Bus, reply: str, answer: Answer) -> None:
    """Send an answer to whoever waits for it; nobody waits if ``reply`` is empty."""
    if reply:
        bus.respond(reply, answer.body, answer.headers())


def read_call(delivery: Delivery, definition: Definition, partition: int, now: int) -> Message:
    """The message of a ``<namespace>.call.<kind>.<partition>.<key>.<method>``. Raises `Invalid`."""
    tokens = delivery.subject.split(".")
    if len(tokens) != 6:
        raise Invalid(f"{delivery.subject!r} is not <namespace>.call.<kind>.<partition>.<key>.<method>")
    message = Message(definition.kind, tokens[4], partition, tokens[5], delivery.data)
    if tokens[3] != str(partition) or place_of(tokens[4], definition.partitions) != partition:
        raise Invalid(f"the key {tokens[4]!r} is not in partition {tokens[3]}", field="partition")
    message.arrived = now
    message.read_headers(delivery.headers, now, trusted=True)
    return message


def read_ask(delivery: Delivery, definition: Definition, now: int) -> Message:
    """The message of a ``<namespace>.ask.<kind>.<key>.<method>``. Raises `Invalid`."""
    tokens = delivery.subject.split(".")
    if len(tokens) != 5:
        raise Invalid(f"{delivery.subject!r} is not <namespace>.ask.<kind>.<key>.<method>: a dot in a key is written %2E")
    token = tokens[3]
    message = Message(definition.kind, token, place_of(token, definition.partitions), tokens[4], delivery.data)
    message.arrived = now
    headers = delivery.headers
    if headers:
        message.read_headers(headers, now, trusted=False)
    return message


_known: dict[tuple[str, int], int] = {}
_KNOWN_LIMIT = 100_000


def place_of(token: str, partitions: int) -> int:
    """The partition of an encoded key, which is checked to be spelled canonically. Raises `Invalid`. Hot: once per message."""
    place = _known.get((token, partitions))
    if place is None:
        decode_key(token)
        place = partition_of(token, partitions)
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        _known[token, partitions] = place
    return place
