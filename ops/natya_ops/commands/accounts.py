"""What ``natya users`` and ``natya clients`` have in common."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from natya_ops.commands.connection import find_platform
from natya_ops.commands.output import run, show, table

if TYPE_CHECKING:
    from pathlib import Path

    from natya_edge.oauth.administration import Administration

Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope that tokens may have; give it once for each.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role that tokens have; give it once for each.")]
NoScopes = Annotated[bool, typer.Option("--no-scopes", help="Take all scopes away.")]
NoRoles = Annotated[bool, typer.Option("--no-roles", help="Take all roles away.")]

TAKES_EFFECT: Final = "access tokens from before end within seconds"


def administer(work: Callable[[Administration], Awaitable[Any]], doing: str, *, data: Path | None, store: str | None) -> Any:
    """What ``work`` gives, done in the platform's store."""
    from natya_ops.accounts import open_administration

    settings = find_platform(data=data, store=store)

    async def done() -> Any:
        async with open_administration(settings) as admin:
            return await work(admin)

    return run(done(), doing)


def show_account(account: dict[str, Any], as_json: bool, *, said: str = "") -> None:
    """One account, a line for each field; for people ``said`` first."""

    def text() -> str:
        width = max(map(len, account))
        lines = [f"{name:{width}}  {_cell(name, value)}" for name, value in account.items()]
        return "\n".join([said, *lines] if said else lines)

    show(account, as_json, text)


def show_accounts(noun: str, accounts: list[dict[str, Any]], as_json: bool) -> None:
    """All accounts, a line for each."""
    if not accounts:
        show({noun: []}, as_json, lambda: f"there are no {noun}: natya {noun} add makes one")
        return
    columns = list(accounts[0])
    rows = [[_cell(name, account[name]) for name in columns] for account in accounts]
    show({noun: accounts}, as_json, lambda: table(columns, rows, whole=("id",)))


def wanted(scopes: list[str] | None, roles: list[str] | None, no_scopes: bool, no_roles: bool) -> dict[str, Any]:
    """The fields that ``set`` changes."""
    from natya_edge.oauth.administration import may

    for given, none, name in ((scopes, no_scopes, "scope"), (roles, no_roles, "role")):
        if given and none:
            raise typer.BadParameter(f"not together with --no-{name}s", param_hint=f"--{name}")
    return dict(may([] if no_scopes else scopes or None, [] if no_roles else roles or None))


def read_password() -> str:
    """A password, typed twice at a terminal or read as the first line of standard input. Never an argument: those can be seen in
    the list of processes and stay in a shell's history."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _cell(name: str, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return " ".join(value) or "–"
        case int() if name == "created":
            return f"{datetime.fromtimestamp(value / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    return str(value)
