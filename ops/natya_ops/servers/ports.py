"""Which ports are free.

Ports are taken from below the range that the system gives to outgoing connections. In that range a client that keeps
reconnecting to a server which is down may one day be given the server's own port as its source: it is then connected to
itself, and the server cannot come back.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError

HOST: Final = "127.0.0.1"
_LOWEST: Final = 20_000


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = HOST) -> int:
    """A port that nobody listens on, chosen at random. Another process may still be quicker to take it."""
    chance = random.SystemRandom()
    for _ in range(1_000):
        port = chance.randrange(_LOWEST, _first_outgoing())
        if is_free(port, host):
            return port
    raise ConfigurationError(f"no free port found between {_LOWEST} and {_first_outgoing()} on {host}")


def check_free(port: int, option: str, host: str = HOST) -> None:
    """Raise `ConfigurationError` if ``port`` is not 0 and taken; ``option`` is what chooses another."""
    if port and not is_free(port, host):
        raise ConfigurationError(f"port {port} on {host} is taken: choose another with {option}, or 0 for any free one")


def _first_outgoing() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768
    return first if first > _LOWEST + 1_000 else 61_000
