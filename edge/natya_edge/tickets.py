"""The ids by which clients know messages: ``/v1/messages/{id}``.

The edge keeps nothing, so the id says where to look: the actor, who has sent the message, a seed, and the hash of method and body. The id that
the message has on NATS is a hash of sender and seed. Whoever changes an id, or makes one up, names a message that he has not sent under an id
that no message has: there is nothing to be read without being its sender, so the id needs no signature and is no secret.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from natya.errors import Invalid
from natya.names import check_kind, encode_key
from natya_edge.auth.principal import OPERATOR, Principal

FORMAT: Final = b"\x01"
_BYTES: Final = 16
_DIGEST_BYTES: Final = 8
_HEAD: Final = len(FORMAT) + 2 * _BYTES + _DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Ticket:
    """One message that came over HTTP. ``sender`` is a hash of whoever sent it, ``digest`` that of `natya.message.digest_of`."""

    sender: bytes
    seed: bytes
    digest: str
    kind: str
    key: str

    @property
    def id(self) -> str:
        """What the message is called on NATS. Kind and key are not in it: an id counts within its actor."""
        return "http-" + blake2b(self.sender + self.seed, digest_size=32).hexdigest()

    @property
    def text(self) -> str:
        """What the client calls it."""
        where = f"{self.kind}/{self.key}".encode()
        raw = FORMAT + self.sender + self.seed + bytes.fromhex(self.digest) + where
        return urlsafe_b64encode(raw).decode().rstrip("=")

    @property
    def path(self) -> str:
        """Where its outcome is told."""
        return f"/v1/messages/{self.text}"

    def is_open_to(self, principal: Principal) -> bool:
        """Whether its outcome may be told to ``principal``: its sender, or an operator."""
        return self.sender == sender_of(principal) or OPERATOR in principal.roles


def issue(principal: Principal, kind: str, key: str, digest: str, *, idempotency_key: str = "", unique: str = "") -> Ticket:
    """The ticket of a message that ``principal`` sends: the same whenever he sends it under the same ``idempotency_key``, else his only
    one of that ``unique`` name."""
    named = f"key {idempotency_key}" if idempotency_key else f"request {unique}"
    return Ticket(sender_of(principal), blake2b(named.encode(), digest_size=_BYTES).digest(), digest, kind, key)


def message_id(principal: Principal, idempotency_key: str) -> str:
    """What a message is called on NATS that ``principal`` sends under this key, whatever it is and to whatever actor."""
    return issue(principal, "", "", "", idempotency_key=idempotency_key).id


def sender_of(principal: Principal) -> bytes:
    """What stands for a principal: subjects of two issuers are two people."""
    return blake2b(f"{principal.issuer}\0{principal.subject}".encode(), digest_size=_BYTES).digest()


def read(text: str) -> Ticket | None:
    """The ticket that is written so; None if none is."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        kind, _, key = raw[_HEAD:].decode().partition("/")
        check_kind(kind)
        encode_key(key)
    except (binascii.Error, ValueError, Invalid):
        return None
    if not raw.startswith(FORMAT):
        return None
    sender, seed = raw[1 : 1 + _BYTES], raw[1 + _BYTES : 1 + 2 * _BYTES]
    ticket = Ticket(sender, seed, raw[1 + 2 * _BYTES : _HEAD].hex(), kind, key)
    return ticket if ticket.text == text else None
