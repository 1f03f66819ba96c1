"""``natya state``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import Key, Kind
from natya_ops.commands.output import AsJson, run, show

if TYPE_CHECKING:
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(state)


def state(
    kind: Kind,
    key: Key,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the owner's answer.")] = 10.0,
    nats: Nats = None,
    namespace: Namespace = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print an actor's state and version, as its owner has them now."""
    import json

    settings = find_platform(data=data, nats=nats, namespace=namespace)
    found = run(_state(settings, kind, key, timeout), f"Asking the owner of {kind}/{key}")
    show(
        {"kind": kind, "key": key, **found},
        as_json,
        lambda: f"{kind}/{key} at version {found['version']}\n" + json.dumps(found["state"], ensure_ascii=False, indent=2),
    )


async def _state(settings: Settings, kind: str, key: str, timeout: float) -> dict[str, Any]:
    from natya.errors import Invalid
    from natya_ops.cluster import manifest_of, open_client

    async with open_client(settings) as platform:
        if manifest_of(kind, platform.kinds)["stateless"]:
            raise Invalid(f"{kind} is stateless: its actors have no state", field="kind")
        return await platform.state(kind, key, timeout=timeout)
