"""``natya history``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import Key, Kind
from natya_ops.commands.output import AsJson, run, show, table

if TYPE_CHECKING:
    from natya.settings import Settings
    from natya_ops.cluster import Cluster


def register(app: typer.Typer) -> None:
    app.command()(history)


def history(
    kind: Kind,
    key: Key,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many turns, the newest ones.")] = 20,
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show an actor's last turns as they are in the journal, oldest first."""
    settings = find_platform(data=data, nats=nats, namespace=namespace)
    found = run(_history(settings, kind, key, limit), f"Reading the journal of {kind}/{key}")

    def text() -> object:
        from rich.console import Group

        columns = ["time", "version", "method", "outcome", "answer", "sent", "id"]
        rows = [_row(turn) for turn in found["turns"]]
        shown: list[Any] = [table(columns, rows, whole=columns[:4])] if rows else []
        return Group(*shown, *([said] if (said := remark(found)) else []))

    show(found, as_json, text)


async def _history(settings: Settings, kind: str, key: str, limit: int) -> dict[str, Any]:
    from natya_ops.cluster import open_cluster
    from natya_ops.history import read_history

    async with open_cluster(settings) as cluster:
        partitions = cluster.manifest(kind)["partitions"]
        past = await read_history(cluster.jetstream.journal, kind, key, partitions, limit=limit)
        document = {
            "kind": kind,
            "key": key,
            "turns": [turn.document() for turn in past.turns],
            "version": past.turns[-1].version if past.turns else await _version(cluster, settings, kind, key),
            "more": not past.complete,
            "unreadable": past.unreadable,
        }
        document["trimmed_to"] = trimmed_to(document)
        return document


async def _version(cluster: Cluster, settings: Settings, kind: str, key: str) -> int | None:
    """The version of an actor of which the journal has nothing; None if its owner does not say."""
    from natya.errors import NatyaError
    from natya_ops.cluster import open_client

    if cluster.manifest(kind)["stateless"]:
        return None
    try:
        async with open_client(settings) as platform:
            return int((await platform.state(kind, key, timeout=3.0))["version"])
    except NatyaError:
        return None


def trimmed_to(found: dict[str, Any]) -> int | None:
    """The version up to which turns have left the journal: 0 if none have, None if that is not known."""
    if found["more"]:
        return None
    if found["turns"]:
        first = found["turns"][0]
        return int(first["version"]) - int(first["outcome"] == "ok")  # a version counts what succeeded
    version: int | None = found["version"]
    return version


def remark(found: dict[str, Any]) -> str:
    """What is to be said below the turns: what is missing, and why. Empty if nothing is."""
    actor = f"{found['kind']}/{found['key']}"
    lines = []
    trimmed = found["trimmed_to"]
    if found["more"]:
        lines.append("older turns are in the journal: see more with --limit")
    elif not found["turns"] and trimmed is None:
        lines.append(f"the journal has no turn of {actor}, and its owner does not say whether there ever was one")
    elif not found["turns"] and not trimmed:
        lines.append(f"no command of {actor} has ever succeeded, and the journal has none that failed")
    elif trimmed:
        until = f"up to version {trimmed}" if trimmed > 1 else "of version 1"
        lines.append(f"older turns, {until}, were trimmed from the journal: their effect is in the state")
    if found["unreadable"]:
        lines.append(f"{found['unreadable']} records are of a format that this version of natya does not read")
    return "\n".join(lines)


def _row(turn: dict[str, Any]) -> list[str]:
    time = datetime.fromisoformat(turn["time"]).astimezone()
    answer = turn["answer"]
    if turn["outcome"] != "ok" and isinstance(answer, dict):
        answer = answer.get("detail", "")
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return [
        f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}",
        str(turn["version"]),
        turn["method"],
        turn["outcome"],
        text if len(text) <= 60 else f"{text[:59]}…",
        ", ".join(sent["what"] for sent in turn["sent"]),
        turn["id"],
    ]
