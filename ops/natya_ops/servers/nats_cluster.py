"""Several NATS servers on loopback that are one cluster."""

from __future__ import annotations

from pathlib import Path

from natya_ops.servers.nats_server import NatsServer, Routes
from natya_ops.servers.ports import HOST, free_port


def nats_cluster(folder: Path, size: int = 3) -> list[NatsServer]:
    """Servers ``nats-1`` … that all know one another, each with a folder of its own below ``folder``; not started yet. Each is
    ready before the cluster is: JetStream needs a majority, and some seconds to elect a leader."""
    ports = {f"nats-{number}": free_port() for number in range(1, size + 1)}
    return [
        NatsServer(
            folder / name,
            free_port(),
            server_name=name,
            routes=Routes(port, [f"{HOST}:{other}" for other in ports.values() if other != port]),
        )
        for name, port in ports.items()
    ]
