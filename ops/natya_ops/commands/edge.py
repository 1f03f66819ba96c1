"""``natya edge``."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command()(edge)


def edge() -> None:
    """Run the HTTP edge against given servers; its settings are read from NATYA_… and NATYA_EDGE_… in the environment."""
    from natya.settings import Settings
    from natya_edge.main import run
    from natya_edge.settings import EdgeSettings
    from natya_ops.configuration import read_settings

    run(read_settings(Settings), read_settings(EdgeSettings))
