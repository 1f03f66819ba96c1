"""The network of a platform: every process has lines of its own, which can be cut without touching those of others."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from natya_ops.chaos.proxy import Proxy
from natya_ops.servers import NatsServer, StoreServer


@dataclass(frozen=True, slots=True)
class Wires:
    """The lines of one process: ``async with`` neither; they end with the platform."""

    nats: Proxy
    store: Proxy

    @property
    def both(self) -> tuple[Proxy, Proxy]:
        return self.nats, self.store


async def lay_wires(stack: AsyncExitStack, nats: NatsServer, store: StoreServer) -> Wires:
    """Lines to the two servers, which have their ports; they end with ``stack``."""
    return Wires(
        nats=await stack.enter_async_context(Proxy(nats.port)), store=await stack.enter_async_context(Proxy(store.port))
    )


def surroundings(wires: Wires, nats: NatsServer, store: StoreServer) -> dict[str, str]:
    """The environment in which a process finds the servers at the end of its own lines.

    A member of a replica set tells clients where the set is, which is not the line: hence the direct connection.
    """
    return {
        "NATYA_NATS": nats.url.replace(f":{nats.port}", f":{wires.nats.port}"),
        "NATYA_STORE": store.url.replace(f":{store.port}", f":{wires.store.port}") + "/?directConnection=true",
    }
