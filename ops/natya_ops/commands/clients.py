"""``natya clients``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from natya_ops.commands.accounts import (
    TAKES_EFFECT,
    NoRoles,
    NoScopes,
    Roles,
    Scopes,
    administer,
    show_account,
    show_accounts,
    wanted,
)
from natya_ops.commands.connection import Data, Store
from natya_ops.commands.output import AsJson, show

Id = Annotated[str, typer.Argument(help="The client's id: 1 to 64 of a-z, 0-9, dot, - and _.")]
Grants = Annotated[
    list[str] | None,
    typer.Option(
        "--grant",
        help="How it may get tokens: client_credentials, password, refresh_token; give it once for each.",
        show_default="client_credentials",
    ),
]


def register(app: typer.Typer) -> None:
    clients = typer.Typer(help="The programs that may get tokens over HTTP.", no_args_is_help=True)
    for name, command in (
        ("add", add),
        ("ls", ls),
        ("show", show_one),
        ("set", change),
        ("secret", secret),
        ("disable", disable),
        ("enable", enable),
        ("rm", rm),
    ):
        clients.command(name=name)(command)
    app.add_typer(clients, name="clients")


def add(
    id: Id,
    grant: Grants = None,
    scope: Scopes = None,
    role: Roles = None,
    store: Store = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a client, and print its secret: this once, it is not stored.

    The grant "password" is for the owner's own programs alone: a client that has it sees the passwords of its users.
    """
    grants = _grants(grant or ["client_credentials"])
    client, made = administer(
        lambda admin: admin.add_client(id, grants, scope or (), role or ()), "Adding a client", data=data, store=store
    )
    show_account({**client.public(), "secret": made}, as_json, said="added; the secret is shown this once")


def ls(store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """List all clients."""
    from natya_ops.accounts import listed

    found = administer(lambda admin: listed(admin.clients), "Reading clients", data=data, store=store)
    show_accounts("clients", found, as_json)


def show_one(id: Id, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Show what a client may have."""
    client = administer(lambda admin: admin.clients.find(id), "Reading a client", data=data, store=store)
    show_account(client.public(), as_json)


def change(
    id: Id,
    grant: Grants = None,
    scope: Scopes = None,
    role: Roles = None,
    no_scopes: NoScopes = False,
    no_roles: NoRoles = False,
    store: Store = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a client other grants, scopes or roles, in place of those it had."""
    fields = wanted(scope, role, no_scopes, no_roles)
    if grant:
        fields["grants"] = frozenset(_grants(grant))
    if not fields:
        raise typer.BadParameter("say what to change", param_hint="--grant, --scope, --role, --no-scopes, --no-roles")
    _changed(lambda admin: admin.change(admin.clients, id, fields), store, data, as_json, "changed")


def secret(id: Id, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give a client another secret, and print it: this once. Log-ins through the client end."""
    made = administer(lambda admin: admin.set_secret(id), "Changing a client", data=data, store=store)
    show({"id": id, "secret": made}, as_json, lambda: made)


def disable(id: Id, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give a client no more tokens. Log-ins through the client end."""
    _changed(lambda admin: admin.disable(admin.clients, id), store, data, as_json, "disabled")


def enable(id: Id, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give a disabled client tokens again, for the secret it had."""
    _changed(lambda admin: admin.enable(admin.clients, id), store, data, as_json, "enabled")


def rm(id: Id, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Remove a client. Log-ins through the client end."""
    administer(lambda admin: admin.remove(admin.clients, id), "Removing a client", data=data, store=store)
    show({"removed": id}, as_json, lambda: f"{id} is removed; {TAKES_EFFECT}")


def _changed(work: Any, store: str | None, data: Any, as_json: bool, done: str) -> None:
    client = administer(work, "Changing a client", data=data, store=store)
    show_account(client.public(), as_json, said=f"{done}; {TAKES_EFFECT}")


def _grants(given: list[str]) -> list[Any]:
    from natya_edge.oauth.accounts import Grant

    try:
        return [Grant(name) for name in given]
    except ValueError as error:
        raise typer.BadParameter(f"{error}: it is one of {', '.join(Grant)}", param_hint="--grant") from None
