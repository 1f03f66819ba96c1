"""Names on the wire: keys, subjects, streams, partitions.

A key is any non-empty text up to 200 bytes of UTF-8. In a subject every byte outside ``A-Z a-z 0-9 - _ ~ @ : + =`` is
percent-encoded with capital hex, so that one key has exactly one spelling (its *token*), lands in exactly one partition
and is exactly one actor. What is not its own re-encoding is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from natya.errors import Invalid

MAX_KEY_BYTES: Final = 200
MAX_ID_BYTES: Final = 200
DEFAULT_PARTITIONS: Final = 16
JOURNAL_STREAMS: Final = 4
"""Journals of one kind are spread over this many streams, because one stream serialises its fsyncs."""

_KIND = re.compile(r"[a-z][a-z0-9_]*\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~@:+=")
_SPELLING = [chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in range(256)]
_TOKEN = re.compile(r"(?:[A-Za-z0-9\-_~@:+=]|%[0-9A-F]{2})+\Z")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")


def check_kind(kind: str) -> str:
    """Return ``kind`` or raise `Invalid` if it is not ``[a-z][a-z0-9_]*``."""
    if not _KIND.match(kind):
        raise Invalid(f"{kind!r} is not a kind: a kind is a lower-case letter, then letters, digits or _", field="kind")
    return kind


def check_method(method: str) -> str:
    """Return ``method`` or raise `Invalid` if it cannot be the name of a method."""
    if not _NAME.match(method):
        raise Invalid(f"{method!r} is not a method name: letters, digits and _, not starting with a digit", field="method")
    return method


def encode_key(key: str) -> str:
    """The token of ``key``: ``alice@example.com`` is ``alice@example%2Ecom``. Raises `Invalid`."""
    try:
        raw = key.encode()
    except UnicodeEncodeError as error:
        raise Invalid("the key is not valid Unicode", field="key") from error
    if not raw:
        raise Invalid("the key is empty: a key has 1 to 200 bytes of UTF-8", field="key")
    if len(raw) > MAX_KEY_BYTES:
        raise Invalid(f"the key has {len(raw)} bytes of UTF-8: at most {MAX_KEY_BYTES} are allowed", field="key")
    return "".join([_SPELLING[byte] for byte in raw])


def decode_key(token: str) -> str:
    """The key that ``token`` spells. Raises `Invalid` unless the token is its own re-encoding."""
    if not _TOKEN.match(token):
        raise Invalid(
            f"{token!r} is not an encoded key: percent-encode what is outside A-Z a-z 0-9 - _ ~ @ : + =", field="key"
        )
    if "%" not in token:
        key = token
    else:
        raw = bytearray()
        for i, part in enumerate(_ESCAPE.split(token)):
            raw += bytes([int(part, 16)]) if i % 2 else part.encode()
        try:
            key = raw.decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"the key {token!r} does not decode to UTF-8", field="key") from error
    if encode_key(key) != token:
        raise Invalid(f"the key {token!r} is not spelled canonically: write {encode_key(key)!r}", field="key")
    return key


def fnv1a(data: bytes) -> int:
    """FNV-1a, 32 bit: what the NATS subject transform ``{{partition(n,…)}}`` computes (nats-server, subject_transform.go)."""
    h = 0x811C9DC5
    for byte in data:
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


@lru_cache(maxsize=65536)
def partition_of(token: str, partitions: int) -> int:
    """The partition of the encoded key ``token`` in a kind of ``partitions`` partitions."""
    return fnv1a(token.encode()) % partitions


@dataclass(frozen=True, slots=True)
class Subjects:
    """Every subject, stream and bucket of one namespace."""

    namespace: str = "natya"

    def __post_init__(self) -> None:
        if not _KIND.match(self.namespace):
            raise Invalid(
                f"{self.namespace!r} is not a namespace: a lower-case letter, then letters, digits or _", field="namespace"
            )

    # calls
    def ask(self, kind: str, token: str, method: str) -> str:
        return f"{self.namespace}.ask.{kind}.{token}.{method}"

    def call(self, kind: str, partition: int, token: str, method: str) -> str:
        return f"{self.namespace}.call.{kind}.{partition}.{token}.{method}"

    def asks(self, kind: str) -> str:
        """Filter for every ask of a kind; deeper wildcards catch malformed subjects, so that they get an answer."""
        return f"{self.namespace}.ask.{kind}.>"

    def calls(self, kind: str, partition: int) -> str:
        return f"{self.namespace}.call.{kind}.{partition}.>"

    # stored messages
    def tell(self, kind: str, token: str, method: str) -> str:
        return f"{self.namespace}.tell.{kind}.{token}.{method}"

    def mail(self, kind: str, partition: int, token: str = "*", method: str = "*") -> str:
        return f"{self.namespace}.mail.{kind}.{partition}.{token}.{method}"

    def journal(self, kind: str, partition: int) -> str:
        return f"{self.namespace}.journal.{kind}.{partition}"

    def event(self, kind: str, token: str, event: str) -> str:
        return f"{self.namespace}.event.{kind}.{token}.{event}"

    def dead(self, kind: str, token: str, method: str) -> str:
        return f"{self.namespace}.dead.{kind}.{token}.{method}"

    def node(self, incarnation: str, verb: str) -> str:
        return f"{self.namespace}.node.{incarnation}.{verb}"

    # streams and buckets
    def mail_stream(self, kind: str) -> str:
        return f"{self.namespace}_mail_{kind}"

    def journal_stream(self, kind: str, partition: int) -> str:
        return f"{self.namespace}_journal_{kind}_{partition % JOURNAL_STREAMS}"

    @property
    def events_stream(self) -> str:
        return f"{self.namespace}_events"

    @property
    def dead_stream(self) -> str:
        return f"{self.namespace}_dead"

    @property
    def cluster_bucket(self) -> str:
        return f"{self.namespace}_cluster"

    @property
    def kinds_bucket(self) -> str:
        return f"{self.namespace}_kinds"
