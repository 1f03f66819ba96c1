"""``natya worker``."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(worker)


def worker(
    app: Annotated[str, typer.Option(help="Python module that holds the actors.")] = "natya_actors",
    nats: Annotated[str | None, typer.Option(help="NATS server URLs, comma-separated. [default: NATYA_NATS]")] = None,
    store: Annotated[str | None, typer.Option(help="MongoDB URL. [default: NATYA_STORE]")] = None,
    node: Annotated[str | None, typer.Option(help="Name, stable and unique in the cluster. [default: NATYA_NODE]")] = None,
) -> None:
    """Run one worker against given servers; all other settings are read from NATYA_… in the environment.

    Prints one JSON line when it serves. SIGTERM or Ctrl-C lets it finish and hand over, a second one ends it at once.
    """
    from natya.settings import Settings
    from natya_ops.configuration import read_settings
    from natya_ops.worker import run

    run(app, read_settings(Settings, nats=nats, store=store, node=node))
