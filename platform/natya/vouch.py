"""How a stored message proves who its caller is.

Anybody may publish to ``natya.tell``, so a name in a header is worth nothing there. Whoever has verified the caller adds a
*vouch*: an HMAC over everything that decides what the message does, under a key that only nodes and edges can read. It is good
for the message as it is and for the time around its first sending: copied later it is refused, copied at once it has the id of a
message that is known.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import orjson

from natya.errors import Forbidden
from natya.message import CALLER, VOUCH, Message

VALID_MS: Final = 600_000
"""How far the time at which the stream stored a message may be from the time of its first sending. Ids are known for longer."""


class Seal:
    """Makes and checks vouches. The first of ``keys`` makes them, any may have made one: so keys can be changed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = list(keys)

    def vouch(self, message: Message) -> str:
        """The header for a message that has an id, a sent time and its caller."""
        return _mac(self._keys[0], message)

    def check(self, message: Message, vouch: str, stored: int) -> None:
        """Raises `Forbidden` unless ``vouch`` is for this very message, which the stream stored at ``stored`` (ms)."""
        if not any(hmac.compare_digest(_mac(key, message).encode(), vouch.encode()) for key in self._keys):
            raise Forbidden(f"{VOUCH} is not for this message: nobody has vouched for {CALLER} {message.caller!r}")
        if abs(stored - message.sent) > VALID_MS:
            raise Forbidden(f"{VOUCH} is for a message sent {(stored - message.sent) / 1000:.0f} s before it was stored")


def _mac(key: bytes, message: Message) -> str:
    fields = (
        message.kind, message.token, message.method, message.id, message.sent, message.deadline, message.keep,
        message.if_version, message.reply_to, message.caller, hashlib.sha256(message.body).hexdigest(),
    )  # fmt: skip
    return hmac.new(key, orjson.dumps(fields), hashlib.sha256).hexdigest()
