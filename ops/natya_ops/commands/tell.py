"""``natya tell``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import Body, Key, Kind, MethodName, check_deployed, read_body, read_id
from natya_ops.commands.output import AsJson, run, show

if TYPE_CHECKING:
    from natya.ref import Options
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(tell)


def tell(
    kind: Kind,
    key: Key,
    method: MethodName,
    body: Body = "",
    id: Annotated[
        str | None,
        typer.Option("--id", help="Id of the intention: the same id again, within minutes, has no second effect."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds in which it must be stored.")] = 30.0,
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Store a message for an actor and go on: it runs once, in order, also if no node is up now.

    natya tell inbox alice deliver '{"text": "hello"}'
    """
    from natya.ref import Options

    given = read_body(body)
    settings = find_platform(data=data, nats=nats, namespace=namespace)
    options = Options(read_id(id), timeout)
    sequence = run(_tell(settings, kind, key, method, given, options), f"Telling {kind}/{key}.{method}")
    stored = {"sequence": sequence, "id": options.id}
    show(stored, as_json, lambda: f"stored as {sequence} with id {options.id}")


async def _tell(settings: Settings, kind: str, key: str, method: str, body: bytes, options: Options) -> int:
    from natya_ops.cluster import open_client

    async with open_client(settings) as platform:
        check_deployed(platform, kind, method, told=True)
        return await platform.store(kind, key, method, body, options)
