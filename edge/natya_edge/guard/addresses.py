"""Whose address a request comes from, and how addresses are counted.

`X-Forwarded-For` is a claim: anybody can send it, and every honest proxy appends the address it was called from. So it is read from
the right, and only as far as the hops are proxies that the settings name: the first that is not one is the client, and what stands
left of it is whatever that client made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from natya_edge.guard.settings import Network

LOCAL: Final = "local"
"""How everything from this machine itself is counted: a developer, or a proxy that nobody named."""
_MAX_HOPS: Final = 20


class Address(NamedTuple):
    """``counted``: how it is counted, empty if it is none. ``trusted``: whether it is a proxy's. ``local``: this machine's own."""

    counted: str
    trusted: bool
    local: bool


class Proxies:
    """The proxies that are believed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self.read = lru_cache(maxsize=10_000)(self._read)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Who called: ``peer`` itself, or whom it has called for according to the values of `X-Forwarded-For`, in their order."""
        found = self.read(peer)
        if found.trusted and forwarded:
            for text in reversed(",".join(forwarded).split(",")[-_MAX_HOPS:]):
                hop = self.read(text.strip())
                if hop.counted:
                    found = hop
                if not hop.trusted:
                    break
        return LOCAL if found.local else found.counted

    def _read(self, text: str) -> Address:
        """2 µs, or 0.1 µs when remembered."""
        try:
            address = ip_address(_without_port(text))
        except ValueError:
            return Address("", trusted=False, local=False)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        trusted = any(address in network for network in self._trusted)
        counted = str(address)
        if isinstance(address, IPv6Address) and not address.is_loopback:
            # One subscriber has a /64 at least: counted singly, he would have as many limits as he likes.
            counted = f"{IPv6Address(int(address) >> 64 << 64)}/64"
        return Address(counted, trusted, address.is_loopback)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
