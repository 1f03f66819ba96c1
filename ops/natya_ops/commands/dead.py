"""``natya dead``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.output import AsJson, run, show, table

if TYPE_CHECKING:
    from natya.jetstream.requests import Stored
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    dead = typer.Typer(help="Look at dead letters: messages that were given up after their attempts.", no_args_is_help=True)
    dead.command()(ls)
    dead.command(name="show")(show_one)
    app.add_typer(dead, name="dead")


def ls(
    kind: Annotated[str | None, typer.Option(help="Only those of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest ones.")] = 50,
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first."""
    settings = find_platform(data=data, nats=nats, namespace=namespace)
    letters, more = run(_list(settings, kind, limit), "Reading dead letters")

    def text() -> object:
        from rich.console import Group

        columns = ["number", "time", "kind", "key", "method", "attempts", "error"]
        made: Any = table(columns, [_row(letter) for letter in letters], whole=columns[:-1])
        return Group(made, "older ones are not shown: see more with --limit") if more else made

    show({"dead": letters, "more": more}, as_json, text if letters else lambda: "there are no dead letters")


def show_one(
    number: Annotated[int, typer.Argument(min=1, help="Its number, as in natya dead ls.")],
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its error, headers and body."""
    letter = run(_show(find_platform(data=data, nats=nats, namespace=namespace), number), "Reading a dead letter")
    show(letter, as_json, lambda: json.dumps(letter, ensure_ascii=False, indent=2))


async def _list(settings: Settings, kind: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest ``limit`` letters, oldest first, and whether there are more."""
    from collections import deque

    from natya.jetstream.pull import open_pull
    from natya.jetstream.requests import Stored
    from natya.names import check_kind
    from natya_ops.cluster import open_cluster

    async with open_cluster(settings) as cluster:
        jetstream = cluster.jetstream
        subject = jetstream.subjects.dead(check_kind(kind) if kind else "*", "*", "*")
        newest: deque[Stored] = deque(maxlen=limit)
        count = 0
        pull, behind = await open_pull(jetstream.connection, jetstream.subjects.dead_stream, subject, start=1)
        try:
            while behind:
                for sequence, time, behind, arrival in await pull.next(1_000, patience=5.0):  # noqa: B007
                    newest.append(Stored(arrival.subject, sequence, arrival.data, dict(arrival.headers), time))
                    count += 1
        finally:
            pull.close()
    return [letter_of(stored) for stored in newest], count > limit


async def _show(settings: Settings, number: int) -> dict[str, Any]:
    from natya.errors import Invalid
    from natya.jetstream.requests import get_message
    from natya_ops.cluster import open_cluster

    async with open_cluster(settings) as cluster:
        jetstream = cluster.jetstream
        stored = await get_message(jetstream.connection, jetstream.subjects.dead_stream, {"seq": number})
    if stored is None:
        raise Invalid(f"there is no dead letter {number}: natya dead ls lists those there are", field="number")
    return letter_of(stored)


def letter_of(stored: Stored) -> dict[str, Any]:
    """A dead letter as a document; one that the platform did not write has only ``raw`` beside number and time."""
    from natya.errors import Invalid
    from natya.names import decode_key

    time = datetime.fromtimestamp(stored.time / 1000, UTC).isoformat(timespec="milliseconds")
    letter: dict[str, Any] = {"number": stored.sequence, "time": time}
    try:
        document = json.loads(stored.data)
        found = {name: document[name] for name in ("kind", "key", "method", "attempts", "error", "headers", "body")}
    except (ValueError, KeyError, TypeError):
        return {**letter, "raw": stored.data.decode(errors="replace")}
    try:
        found["key"] = decode_key(found["key"])
    except Invalid:
        pass  # the reason why it is dead: shown as it came
    return {**letter, **found}


def _row(letter: dict[str, Any]) -> list[object]:
    time = datetime.fromisoformat(letter["time"]).astimezone()
    when = f"{time:%Y-%m-%d %H:%M:%S}"
    if "raw" in letter:
        return [letter["number"], when, "", "", "", "", f"not a dead letter of the platform: {letter['raw'][:40]!r}"]
    error = letter["error"]
    said = f"{error.get('code', '')}: {error.get('detail', '')}" if isinstance(error, dict) else str(error)
    return [letter["number"], when, letter["kind"], letter["key"], letter["method"], letter["attempts"], said]
