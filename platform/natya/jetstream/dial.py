"""The first connection: tried for a while, then a clear error."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nats.errors import Error

from natya.errors import ConfigurationError
from natya.jetstream.connection import Connection
from natya.settings import without_passwords

FIRST_CONNECTION = 5.0
"""Seconds that servers have to be there at the start."""


async def connect(
    servers: str | Sequence[str],
    *,
    name: str,
    user: str = "",
    password: str = "",
    ca: Path | None = None,
    inbox: str = "_INBOX",
    limit: float = FIRST_CONNECTION,
    ping_interval: float = 2.0,
) -> Connection:
    """Connect to one of ``servers`` (URLs, comma-separated or a sequence; ``nats://`` or ``tls://``).

    With a ``ca`` (a PEM file), or at a ``tls://`` URL, nothing is sent before the server has proved by its certificate that it is
    the host of the URL: the credentials go to nobody else.

    From then on the connection comes back by itself, for ever; a server that answers no ping for three times
    ``ping_interval`` seconds is left. Raises `ConfigurationError` if no server can be reached
    within ``limit`` seconds, or one refuses the credentials.
    """
    urls = [url.strip() for url in (servers.split(",") if isinstance(servers, str) else servers) if url.strip()]
    where = without_passwords(",".join(urls))
    if not urls or any(url.startswith(("ws://", "wss://", "http://", "https://")) for url in urls):
        raise ConfigurationError(f"NATS servers are given as nats://host:port or tls://host:port, not {where!r}")
    encrypted = _tls(urls, ca)
    problem: Exception | None = None
    try:
        async with asyncio.timeout(limit):
            while True:
                connection = Connection(inbox=inbox)
                try:
                    await connection.dialer.dial(
                        urls,
                        name=name,
                        user=user or None,
                        password=password or None,
                        inbox_prefix=inbox,
                        connect_timeout=2,
                        ping_interval=ping_interval,
                        max_outstanding_pings=2,
                        **encrypted,
                    )
                    return connection
                except (Error, OSError) as error:
                    problem = error
                    await connection.close()
                    if isinstance(error, ssl.SSLCertVerificationError):
                        raise ConfigurationError(
                            f"NATS at {where} cannot be trusted: {error.verify_message}; NATYA_NATS_CA names the file of the "
                            "authority that has signed its certificate"
                        ) from error
                    if "authorization" in str(error).lower() or "invalid" in str(error).lower():
                        raise ConfigurationError(f"cannot reach NATS at {where}: {error}") from error
                    await asyncio.sleep(0.1)
                except asyncio.CancelledError:
                    problem = connection.dialer.last_problem or problem
                    await connection.close()
                    raise
    except TimeoutError:
        reason = str(problem) or type(problem).__name__ if problem else f"no answer within {limit:g} s"
        raise ConfigurationError(f"cannot reach NATS at {where}: {reason}") from problem


def _tls(urls: Sequence[str], ca: Path | None) -> dict[str, Any]:
    """What nats-py is told of encryption. Raises `ConfigurationError`."""
    if ca is None and not any(url.startswith("tls://") for url in urls):
        return {}
    if not all(url.startswith("tls://") for url in urls):
        raise ConfigurationError(
            "some NATS servers are given as tls://, or with NATYA_NATS_CA, and others are not: use tls:// for all"
        )
    try:
        return {"tls": ssl.create_default_context(cafile=ca)}
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"NATYA_NATS_CA: {ca} cannot be read as PEM certificates: {error}") from error
