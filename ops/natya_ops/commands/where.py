"""``natya where``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import Key, Kind
from natya_ops.commands.output import AsJson, run, show

if TYPE_CHECKING:
    from natya.settings import Settings
    from natya_ops.cluster import Cluster


def register(app: typer.Typer) -> None:
    app.command()(where)


def where(
    kind: Kind, key: Key, nats: Nats = None, namespace: Namespace = None, data: Data = None, as_json: AsJson = False
) -> None:
    """Say which node owns an actor, and by which partition and epoch."""
    found = run(_where(find_platform(data=data, nats=nats, namespace=namespace), kind, key), f"Looking for {kind}/{key}")
    show(found, as_json, lambda: render(found))


async def _where(settings: Settings, kind: str, key: str) -> dict[str, Any]:
    from natya_ops.cluster import open_cluster

    async with open_cluster(settings) as cluster:
        return place_of(cluster, kind, key)


def place_of(cluster: Cluster, kind: str, key: str) -> dict[str, Any]:
    """Where an actor is. ``owner`` is None if nobody has its partition, ``alive`` whether the owner is a member now."""
    from natya.names import encode_key, partition_of

    manifest = cluster.manifest(kind)
    token = encode_key(key)
    partitions = manifest["partitions"]
    partition = partition_of(token, partitions)
    owner = cluster.owners.get((kind, partition))
    found: dict[str, Any] = {
        "kind": kind,
        "key": key,
        "token": token,
        "partition": partition,
        "partitions": partitions,
        "stateless": manifest["stateless"],
        "nodes": cluster.nodes(kind),
        "owner": None,
    }
    if owner is not None and owner.incarnation:
        member = cluster.members.get(owner.incarnation)
        found["owner"] = {
            "node": member.name if member else None,
            "incarnation": owner.incarnation,
            "epoch": owner.epoch,
            "alive": member is not None,
            "server": member.server if member else None,
        }
    return found


def render(found: dict[str, Any]) -> str:
    """The answer for people."""
    actor = f"{found['kind']}/{found['key']}"
    lines = [f"{actor} is in partition {found['partition']} of {found['partitions']}"]
    if found["token"] != found["key"]:
        lines.append(f"its key in a subject is {found['token']}")
    owner = found["owner"]
    if owner is None:
        lines.append("nobody owns the partition now")
    elif owner["alive"]:
        lines.append(f"owned by {owner['node']}, incarnation {owner['incarnation']}, in epoch {owner['epoch']}")
        lines.append(f"which is connected to the NATS server {owner['server']}")
    else:
        lines.append(
            f"last owned by {owner['incarnation']} in epoch {owner['epoch']}, which is gone: another node will take over"
        )
    if found["stateless"]:
        lines.append(f"{found['kind']} is stateless: its asks go to any of {', '.join(found['nodes']) or 'no node'}")
    elif not found["nodes"]:
        lines.append(f"no node hosts {found['kind']}: start a worker")
    return "\n".join(lines)
