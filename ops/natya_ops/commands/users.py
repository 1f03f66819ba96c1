"""``natya users``."""

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
    read_password,
    show_account,
    show_accounts,
    wanted,
)
from natya_ops.commands.connection import Data, Store
from natya_ops.commands.output import AsJson, show

Name = Annotated[str, typer.Argument(help="The user's name; upper and lower case are the same.")]


def register(app: typer.Typer) -> None:
    users = typer.Typer(help="The people who may log in over HTTP.", no_args_is_help=True)
    for name, command in (
        ("add", add),
        ("ls", ls),
        ("show", show_one),
        ("set", change),
        ("password", password),
        ("disable", disable),
        ("enable", enable),
        ("rm", rm),
    ):
        users.command(name=name)(command)
    app.add_typer(users, name="users")


def add(
    name: Name,
    scope: Scopes = None,
    role: Roles = None,
    store: Store = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a user. The password is asked for, or read from standard input where that is no terminal."""
    typed = read_password()
    user = administer(
        lambda admin: admin.add_user(name, typed, scope or (), role or ()), "Adding a user", data=data, store=store
    )
    show_account(user.public(), as_json, said="added")


def ls(store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """List all users."""
    from natya_ops.accounts import listed

    found = administer(lambda admin: listed(admin.users), "Reading users", data=data, store=store)
    show_accounts("users", found, as_json)


def show_one(name: Name, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Show what a user may have."""
    user = administer(lambda admin: admin.users.find(_spelled(name)), "Reading a user", data=data, store=store)
    show_account(user.public(), as_json)


def change(
    name: Name,
    scope: Scopes = None,
    role: Roles = None,
    no_scopes: NoScopes = False,
    no_roles: NoRoles = False,
    store: Store = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a user other scopes or roles, in place of those it had. Log-ins go on with the new ones."""
    fields = wanted(scope, role, no_scopes, no_roles)
    if not fields:
        raise typer.BadParameter("say what to change", param_hint="--scope, --role, --no-scopes, --no-roles")
    _changed(name, lambda admin, id: admin.change(admin.users, id, fields), store, data, as_json, "changed")


def password(name: Name, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give a user another password, asked for or read from standard input. Every log-in of the user ends."""
    typed = read_password()
    _changed(name, lambda admin, id: admin.set_password(id, typed), store, data, as_json, "has another password")


def disable(name: Name, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Let a user in no more. Every log-in of the user ends."""
    _changed(name, lambda admin, id: admin.disable(admin.users, id), store, data, as_json, "disabled")


def enable(name: Name, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Let a disabled user in again, with the password it had."""
    _changed(name, lambda admin, id: admin.enable(admin.users, id), store, data, as_json, "enabled")


def rm(name: Name, store: Store = None, data: Data = None, as_json: AsJson = False) -> None:
    """Remove a user. Every log-in of the user ends."""
    id = _spelled(name)
    administer(lambda admin: admin.remove(admin.users, id), "Removing a user", data=data, store=store)
    show({"removed": id}, as_json, lambda: f"{id} is removed; {TAKES_EFFECT}")


def _changed(name: str, work: Any, store: str | None, data: Any, as_json: bool, done: str) -> None:
    id = _spelled(name)
    user = administer(lambda admin: work(admin, id), "Changing a user", data=data, store=store)
    show_account(user.public(), as_json, said=f"{done}; {TAKES_EFFECT}")


def _spelled(name: str) -> str:
    from natya_edge.oauth.names import user_name

    return user_name(name)
