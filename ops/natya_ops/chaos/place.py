"""Where a run took place: what was broken, on which machine."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nats.aio.client import Client

from natya.settings import Settings
from natya_ops.bench.machine import describe as describe_machine
from natya_ops.chaos.ground import Ground
from natya_ops.cluster import Cluster
from natya_ops.servers.store_server import command


async def describe(ground: Ground, cluster: Cluster, settings: Settings, connection: Client) -> dict[str, Any]:
    """Machine, versions and configuration, JSON-able. ``fsync_ms`` is taken where temporary files are. Raises `OSError`."""
    with tempfile.TemporaryDirectory(prefix="natya-chaos-") as folder:
        found = describe_machine(Path(folder))
    version = connection.connected_server_version
    return found | {
        "nats": f"nats-server {version.major}.{version.minor}.{version.patch}",
        "store": await _store(settings.store),
        "workers": len(ground.workers),
        "started_here": ground.own,
        "partitions": {kind: manifest["partitions"] for kind, manifest in sorted(cluster.kinds.items())},
        "replicas": settings.replicas,
        "sync_interval": "always",  # as every server of natya up has it
        "lease_ttl": settings.lease_ttl,
    }


async def _store(url: str) -> str:
    if not shutil.which("mongod"):
        return f"SecantusDB {importlib.metadata.version('SecantusDB')}"
    return f"mongod {(await command(urlsplit(url).port or 27017, {'buildInfo': 1}))['version']}"
