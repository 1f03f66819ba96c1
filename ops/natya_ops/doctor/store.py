"""The store: whether it answers, and what it is."""

from __future__ import annotations

from natya.errors import ConfigurationError
from natya.mongo import open_snapshots
from natya.ports.store import StoreReport
from natya.settings import Settings
from natya_ops.doctor.findings import Finding, ok, problem, warning

SECANTUS = "secantus"
"""How SecantusDB names its replica set."""


async def check_store(settings: Settings) -> Finding:
    """Ask the store what it is."""
    try:
        async with open_snapshots(settings) as snapshots:
            report = await snapshots.check()
    except ConfigurationError as error:
        return problem("store", str(error), "mend NATYA_STORE or --store")
    return judge_store(report)


def judge_store(report: StoreReport) -> Finding:
    """What a store's answer means."""
    if not report.reachable:
        return problem(
            "store",
            f"cannot be reached: {report.reason}",
            "start it, or name it with NATYA_STORE. Until then resident actors go on to a bound and others are unavailable",
        )
    if report.replica_set == SECANTUS:
        return ok(
            "store",
            f"SecantusDB (speaks MongoDB {report.version}): for development; use a MongoDB replica set in production",
        )
    if not report.replica_set:
        return warning(
            "store",
            f"MongoDB {report.version}, not a replica set",
            "make it a replica set (one member is enough): without, reads after a fail-over of the store may be old",
        )
    return ok("store", f"MongoDB {report.version}, replica set {report.replica_set}")
