"""The commands that go to the server, as bytes."""

from __future__ import annotations

from natya.errors import Invalid

PING = b"PING\r\n"
PONG = b"PONG\r\n"


def check_subject(subject: str, what: str) -> None:
    """Raise `Invalid` if ``subject`` would break out of its command: it has a space, a line break or another control
    character. ``what`` names it."""
    if " " in subject or not subject.isprintable():
        raise Invalid(f"{subject!r} cannot be a {what}: it has spaces or control characters")


def publish(subject: str, data: bytes, block: bytes | None, reply: str) -> bytes:
    """PUB, or HPUB if there is a header block."""
    to = f"{subject} {reply}" if reply else subject
    if block is None:
        return b"PUB %b %d\r\n%b\r\n" % (to.encode("utf-8", "surrogateescape"), len(data), data)
    size = len(block)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (
        to.encode("utf-8", "surrogateescape"),
        size,
        size + len(data),
        block,
        data,
    )


def subscribe(subject: str, queue: str, sid: bytes) -> bytes:
    """SUB."""
    to = f"{subject} {queue}" if queue else subject
    return b"SUB %b %b\r\n" % (to.encode(), sid)


def unsubscribe(sid: bytes) -> bytes:
    """UNSUB."""
    return b"UNSUB %b\r\n" % sid
