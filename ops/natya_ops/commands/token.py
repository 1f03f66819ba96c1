"""``natya token``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from natya_ops.commands.connection import DEFAULT_DATA, Data
from natya_ops.commands.output import AsJson, show

DEVELOPER: Final = "dev"
"""The subject of the token that ``natya up`` prints."""


def register(app: typer.Typer) -> None:
    app.command()(token)


def token(
    subject: Annotated[str, typer.Option(help="Who the bearer is: the caller that actors see.")] = DEVELOPER,
    role: Annotated[
        list[str] | None, typer.Option(help="A role that the bearer has, may be repeated; dev is an operator if left out.")
    ] = None,
    scope: Annotated[str, typer.Option(help="Scopes that it grants, with spaces between them.")] = "",
    hours: Annotated[float, typer.Option(min=0.001, max=744, help="How long it is valid.")] = 24.0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token for development, signed with the key of natya up, or with the one in NATYA_EDGE_KEYS.

    curl -H "Authorization: Bearer $(natya token)" http://127.0.0.1:8080/v1/actors/account/alice/balance
    """
    from natya_edge.auth.claims import MAX_SUBJECT
    from natya_ops.signing_keys import OPERATOR, development_token, find_keys

    if not (1 <= len(subject) <= MAX_SUBJECT and subject.isprintable() and subject == subject.strip()):
        raise typer.BadParameter(f"1 to {MAX_SUBJECT} printable characters, no outer spaces", param_hint="--subject")
    lifetime = timedelta(hours=hours)
    roles = role or ([OPERATOR] if subject == DEVELOPER else [])
    made = development_token(find_keys(data, DEFAULT_DATA), subject, scope=scope, roles=roles, lifetime=lifetime)
    until = (datetime.now(UTC) + lifetime).isoformat(timespec="seconds")
    shown = {"token": made, "subject": subject, "roles": roles, "scope": scope, "expires": until}
    show(shown, as_json, lambda: made)
