"""The ports on NATS: nats-py is imported under this package alone."""

from __future__ import annotations

from natya.jetstream.dial import connect
from natya.jetstream.headers import strip_nats_headers
from natya.jetstream.session import JetStream, open_jetstream

__all__ = ["JetStream", "connect", "open_jetstream", "strip_nats_headers"]
