"""``natya certificates``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from natya_ops.commands.output import AsJson, show


def register(app: typer.Typer) -> None:
    app.command()(certificates)


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where they are, or are to be.")],
    host: Annotated[list[str], typer.Option(help="A name or address by which clients reach the servers; may be repeated.")],
    authority: Annotated[
        Path | None, typer.Option(help="Where the authority and its key are.", show_default="the same folder")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="Another folder for ca.pem alone, for clients.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an authority of your own and a certificate for your NATS servers.

    What is there stays for as long as it is good; run it again to renew. Clients get ca.pem (NATYA_NATS_CA), servers server.pem and
    server.key; keep ca.key away from both.
    """
    from natya_ops.certificates import make_certificates

    made = make_certificates(folder, host, authority=authority, trust=trust)
    shown = {
        "ca": str(made.ca),
        "certificate": str(made.certificate),
        "key": str(made.key),
        "hosts": list(made.hosts),
        "until": made.until.isoformat(timespec="seconds"),
        "renewed": made.renewed,
    }
    state = "a new certificate" if made.renewed else "the certificate is good"
    show(shown, as_json, lambda: f"{state} for {', '.join(made.hosts)} until {made.until:%Y-%m-%d}: {made.certificate}")
