"""A network of our own in network namespaces, whose links can go down: for packets that really vanish. Needs root and ``ip``.

The servers are in one namespace, every other process in one of its own, with a line to that of the servers::

    <name> 198.18.n.2 ──── 198.18.n.1 servers, which listen on 198.19.255.1

These addresses are set aside for tests of networks (RFC 2544) and exist in these namespaces only, so several such networks are
no trouble to each other.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError

SERVERS: Final = "198.19.255.1"
_FOLDER: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000


def why_not() -> str | None:
    """None, or why there can be no such network here."""
    if shutil.which("ip") is None:
        return "the program ip is missing"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with network(["a"]):
            return None
    except ConfigurationError as error:
        return str(error)


class Network:
    """The namespaces ``names`` and that of the servers, who listen on `SERVERS`."""

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        self._prefix = prefix
        self._names = names

    def command(self, name: str, program: Sequence[str]) -> tuple[str, ...]:
        """``program`` as it is run in the namespace ``name``, with the same pid as the command."""
        return (shutil.which("ip") or "ip", "netns", "exec", self.namespace(name), *program)

    @contextmanager
    def among_servers(self) -> Iterator[None]:
        """This thread is in the namespace of the servers: sockets that it makes, and processes that it starts."""
        with Path("/proc/thread-self/ns/net").open() as before:
            _enter(_FOLDER / self.namespace("servers"))
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    @contextmanager
    def cut(self, name: str) -> Iterator[None]:
        """The link of ``name`` is down: packets vanish both ways, and nobody is told."""
        link = ("-n", self.namespace("servers"), "link", "set", _line(self._names.index(name)))
        _ip(*link, "down")
        try:
            yield
        finally:
            _ip(*link, "up")

    def namespace(self, name: str) -> str:
        return f"{self._prefix}-{name}"


@contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """Make namespaces for the servers and for each of ``names`` (at most 250), under names that nobody else has; remove them.
    Raises `ConfigurationError` where that is not possible."""
    net = Network(f"natya-{secrets.token_hex(4)}", names)
    servers = net.namespace("servers")
    with ExitStack() as made:
        for namespace in (servers, *map(net.namespace, names)):
            _ip("netns", "add", namespace)
            made.callback(_ip, "netns", "del", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", servers, "address", "add", f"{SERVERS}/32", "dev", "lo")
        for number, name in enumerate(names):
            here, there, line, subnet = net.namespace(name), servers, _line(number), f"198.18.{number}"
            _ip("-n", there, "link", "add", line, "type", "veth", "peer", "name", "eth0", "netns", here)
            _ip("-n", there, "address", "add", f"{subnet}.1/24", "dev", line)
            _ip("-n", there, "link", "set", line, "up")
            _ip("-n", here, "address", "add", f"{subnet}.2/24", "dev", "eth0")
            _ip("-n", here, "link", "set", "eth0", "up")
            _ip("-n", here, "route", "add", "default", "via", f"{subnet}.1")
        yield net


def _line(number: int) -> str:
    return f"line{number}"


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ConfigurationError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _enter(namespace: Path) -> None:
    with namespace.open() as file:
        _set_namespace(file.fileno())


def _set_namespace(file: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(file, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
