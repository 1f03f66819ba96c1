"""``natya doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from natya_ops.commands.connection import DEFAULT_DATA, Data, Namespace, Nats, Store, find_platform, monitoring_of
from natya_ops.commands.output import AsJson, run, show

if TYPE_CHECKING:
    from natya_ops.doctor.findings import Finding


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    nats: Nats = None,
    store: Store = None,
    namespace: Namespace = None,
    monitor: Annotated[
        str,
        typer.Option(help="Monitoring address of NATS, as http://host:8222.", show_default="that of --data, else port 8222"),
    ] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Examine servers, streams, nodes, clocks and the edge's keys, and say what to do: exit code 1 if something is a problem."""
    from natya_ops.doctor.examination import examine
    from natya_ops.doctor.findings import Level, count
    from natya_ops.signing_keys import edge_settings, find_keys

    settings = find_platform(data=data, nats=nats, store=store, namespace=namespace)
    edge, keys = edge_settings(), find_keys(data, DEFAULT_DATA)
    known = keys if edge.keys is not None or keys.exists() else None
    work = examine(settings, monitor=monitor or monitoring_of(settings, data), edge=edge, keys=known)
    findings = run(work, "Examining the platform")
    problems, warnings = count(findings, Level.PROBLEM), count(findings, Level.WARNING)
    document = {"checks": [finding.document() for finding in findings], "problems": problems, "warnings": warnings}
    show(document, as_json, lambda: render(findings))
    if problems:
        raise typer.Exit(1)


def render(findings: list[Finding]) -> object:
    """The findings as a table, each hint below its finding, and a summary."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from natya_ops.doctor.findings import Level, count

    styles = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
    made = Table.grid(padding=(0, 2))
    for finding in findings:
        made.add_row(Text(finding.level.value, styles[finding.level]), Text(finding.about), Text(finding.text))
        if finding.hint:
            made.add_row("", "", Text(finding.hint, "dim"))
    problems, warnings = count(findings, Level.PROBLEM), count(findings, Level.WARNING)
    counts = f"{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    return Group(made, "", counts if problems or warnings else "all is well")
