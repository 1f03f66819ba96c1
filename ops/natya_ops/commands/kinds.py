"""``natya kinds``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.output import AsJson, run, show, table

if TYPE_CHECKING:
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(kinds)


def kinds(nats: Nats = None, namespace: Namespace = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the kinds that are deployed and the nodes that host them."""
    found = run(_kinds(find_platform(data=data, nats=nats, namespace=namespace)), "Reading the kinds")
    rows = [
        [
            one["kind"],
            "stateless" if one["stateless"] else "",
            one["partitions"],
            len(one["nodes"]),
            ", ".join(one["methods"]),
            one["doc"].partition("\n")[0],
        ]
        for one in found
    ]
    columns = ["kind", "", "partitions", "nodes", "methods", "what it is"]
    show(
        {"kinds": found},
        as_json,
        lambda: table(columns, rows, whole=columns[:4]) if rows else "no kinds are deployed: start a worker",
    )


async def _kinds(settings: Settings) -> list[dict[str, Any]]:
    from natya_ops.cluster import open_cluster

    async with open_cluster(settings) as cluster:
        return [
            {
                "kind": kind,
                "doc": manifest["doc"],
                "version": manifest["version"],
                "stateless": manifest["stateless"],
                "partitions": manifest["partitions"],
                "methods": list(manifest["methods"]),
                "digest": manifest["digest"],
                "nodes": cluster.nodes(kind),
            }
            for kind, manifest in sorted(cluster.kinds.items())
        ]
