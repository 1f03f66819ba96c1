"""``natya call``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import KEEP, Body, Key, Kind, MethodName, check_deployed, read_body, read_id
from natya_ops.commands.output import AsJson, run, show

if TYPE_CHECKING:
    from natya.message import Answer
    from natya.ref import Options
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(call)


def call(
    kind: Kind,
    key: Key,
    method: MethodName,
    body: Body = "",
    id: Annotated[
        str | None, typer.Option("--id", help="Id of the intention: the same id again, within a day, has no second effect.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the answer.")] = 30.0,
    if_version: Annotated[int | None, typer.Option(min=0, help="Run only if the actor is at this version.")] = None,
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Call a method of an actor and print its result.

    natya call account alice deposit '{"amount": 5}'
    """
    import json

    from natya.errors import Unknown
    from natya.ref import Options

    given = read_body(body)
    settings = find_platform(data=data, nats=nats, namespace=namespace)
    options = Options(read_id(id), timeout, if_version, KEEP if id else 0)
    answer = run(_call(settings, kind, key, method, given, options), f"Calling {kind}/{key}.{method}")
    if answer.ok:
        result = json.loads(answer.body)
        show(result, as_json, lambda: json.dumps(result, ensure_ascii=False, indent=2))
        return
    error = answer.error()
    if as_json:
        print(json.dumps(error.problem(), ensure_ascii=False))
    if isinstance(error, Unknown):
        error.detail += f"; it may have happened or not: ask the actor, or repeat it within minutes with --id {options.id}"
    raise error


async def _call(settings: Settings, kind: str, key: str, method: str, body: bytes, options: Options) -> Answer:
    from natya_ops.cluster import open_client

    async with open_client(settings) as platform:
        check_deployed(platform, kind, method)
        return await platform.call(kind, key, method, body, options)
