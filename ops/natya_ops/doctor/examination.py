"""The order of the examination: what stands on something broken is not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from natya.errors import ConfigurationError, Unavailable
from natya.jetstream import JetStream
from natya.settings import Settings
from natya_ops.cluster import look, open_nats
from natya_ops.doctor.findings import Finding, Level, ok, problem
from natya_ops.doctor.keys import check_keys
from natya_ops.doctor.nodes import check_nodes
from natya_ops.doctor.server import check_clock, check_jetstream, check_sync, check_version, check_writes
from natya_ops.doctor.store import check_store
from natya_ops.doctor.streams import check_kinds, check_platform

if TYPE_CHECKING:
    from natya_edge.settings import EdgeSettings


async def examine(
    settings: Settings, *, monitor: str, edge: EdgeSettings | None = None, keys: Path | None = None
) -> list[Finding]:
    """Everything, from the servers to the nodes. ``monitor`` is the monitoring address of NATS, empty if not known; ``edge`` are the
    settings of the edge and ``keys`` the folder of its keys, where this machine knows them."""
    findings: list[Finding] = []
    try:
        async with open_nats(settings) as jetstream:
            await _look_at_nats(findings, jetstream, settings, monitor)
    except ConfigurationError as error:
        findings.append(problem("NATS", str(error), "nothing that is on NATS was looked at"))
    except Unavailable as error:
        findings.append(
            problem("NATS", error.detail, "what comes after this on NATS was not looked at; see the server's log")
        )
    findings.append(await check_store(settings))
    if edge is not None:
        findings += await check_keys(edge, keys)
    return findings


async def _look_at_nats(findings: list[Finding], jetstream: JetStream, settings: Settings, monitor: str) -> None:
    connection = jetstream.connection
    findings.append(ok("NATS", f"connected to {settings.nats_shown}"))
    findings.append(check_version(connection.server_version))
    state = await check_jetstream(connection)
    findings += state
    if state[0].level is Level.PROBLEM:
        return
    findings.append(await check_sync(connection, settings.nats, monitor, settings.replicas))
    try:
        cluster = await look(jetstream, settings)
    except ConfigurationError as error:
        findings.append(problem("platform", str(error), "start natya up, or natya worker against these servers"))
        return
    findings += await check_platform(jetstream, settings.replicas)
    findings += await check_kinds(jetstream, cluster.kinds, settings.replicas)
    findings += check_nodes(cluster)
    findings.append(await check_clock(connection, f"KV_{jetstream.subjects.cluster_bucket}"))
    findings.append(await check_writes(jetstream))
