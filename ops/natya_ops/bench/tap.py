"""What goes over the wire, by what it is for: a client that subscribes to everything.

It hears each message as it is published, and again, under its own subject, each time that JetStream delivers it to a reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg


def purpose(subject: str, status: str) -> str:
    """What a message is for. ``status`` is that of its headers, as JetStream sets it."""
    if status == "100":
        return "heartbeats of consumers"
    match subject.split("."):
        case ["$KV", _, "member", *_]:
            return "renewals of leases"
        case ["$KV", _, "owner", *_]:
            return "owner keys"
        case ["natya", "node", *_, "probe"]:
            return "probes"
        case ["natya", "journal", *_]:
            return "appends"
        case ["natya", ("ask" | "call" | "tell" | "event" | "node") as what, *_]:
            return what
        case ["$JS", "API", *rest]:
            return "JetStream API: " + ".".join(word for word in rest if word.isupper())
        case [inbox, *_] if inbox.startswith("_INBOX"):
            return "replies and deliveries"
    return "other"


@asynccontextmanager
async def tapped(url: str) -> AsyncIterator[Counter[str]]:
    """Counts by purpose while it is open."""
    seen: Counter[str] = Counter()

    async def heard(message: Msg) -> None:
        headers = message.headers or {}
        seen[purpose(message.subject, headers.get("Status", ""))] += 1

    connection: Client = await nats.connect(url, name="natya bench tap")
    try:
        await connection.subscribe(">", cb=heard)
        await connection.flush()
        await connection.flush()  # the first may overtake the subscription within the client
        yield seen
    finally:
        await connection.close()
