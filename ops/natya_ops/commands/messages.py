"""What ``natya call`` and ``natya tell`` have in common."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from natya.client import Platform

Kind = Annotated[str, typer.Argument(help="Kind of the actor, as in natya kinds.")]
Key = Annotated[str, typer.Argument(help="Its key: any text.")]
MethodName = Annotated[str, typer.Argument(help="Name of the method, as in natya describe.")]
Body = Annotated[str, typer.Argument(help="Its parameters as a JSON object; - reads them from standard input.")]

KEEP: Final = 86_400
"""Seconds for which the outcome of an id given by a person is remembered: people repeat later than programs do."""


def read_body(text: str) -> bytes:
    """The body of a message. Raises `NotJson` unless it is a JSON object, or empty."""
    import json

    from natya.errors import NotJson

    if text == "-":
        text = sys.stdin.read()
    if not text.strip():
        return b""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NotJson(f"the parameters {_short(text)} are not JSON: {error}") from None
    if not isinstance(document, dict):
        raise NotJson(f"the parameters {_short(text)} are not a JSON object: write them as '{{\"name\": value}}'")
    return text.encode()


def read_id(given: str | None) -> str:
    """The id of an intention, a new one if none is given. Raises `Invalid` for an empty one: whoever gives it means an id, and
    would get none."""
    from natya.clock import RandomIds
    from natya.errors import Invalid

    if given == "":
        raise Invalid("--id is empty: give an id, or leave the option out", field="id")
    return given or RandomIds().new()


def check_deployed(platform: Platform, kind: str, method: str, *, told: bool = False) -> None:
    """Raise `UnknownKind`, `UnknownMethod`, or `Invalid` for a query that is ``told``, before anything is sent; a guest's connection
    knows of none, and the answer must say it."""
    from natya.errors import Invalid, UnknownMethod
    from natya_ops.cluster import manifest_of

    if platform.routed:
        return
    methods = manifest_of(kind, platform.kinds)["methods"]
    if method not in methods:
        raise UnknownMethod(f"{kind} has no method {method!r}; it has {', '.join(methods)}", methods=list(methods))
    if told and methods[method]["query"]:
        raise Invalid(f"{method!r} is a query: it changes nothing, so it cannot be told, only called", field="method")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
