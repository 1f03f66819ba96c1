"""Accepted messages: what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from natya.errors import Invalid
from natya.message import Answer
from natya.outcome import Stand
from natya_edge import tickets
from natya_edge.accepting import answer_of, describe, is_another
from natya_edge.errors import UnknownMessage
from natya_edge.keys import GATEWAY, PRINCIPAL, SETTINGS
from natya_edge.prefer import RESPOND_ASYNC, preferences
from natya_edge.responses import json_response
from natya_edge.text import decode
from natya_edge.tickets import Ticket

LOOK_AGAIN: Final = {"Retry-After": "1"}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/v1/messages/{id:[^/]*}", message)


async def message(request: web.Request) -> web.Response:
    """``GET /v1/messages/{id}``: pending, done with the result, or failed with the problem. Waits for the end for as long as the
    client prefers."""
    calls = request.app[GATEWAY].calls()
    ticket = tickets.read(decode(request.rel_url.raw_path.rpartition("/")[2], "id"))
    if ticket is None or not ticket.is_open_to(request[PRINCIPAL]):
        raise _nothing()
    if request.rel_url.raw_query_string:
        raise Invalid("a message takes no parameters; to wait for its end send Prefer: wait=10")
    wait = min(preferences(request.headers).wait or 0, request.app[SETTINGS].timeout_limit)
    outcome = await calls.outcome(ticket.kind, ticket.key, ticket.id, wait=wait)
    if outcome.stand is Stand.UNKNOWN:
        raise _nothing()
    answer = answer_of(ticket, outcome)
    return json_response(
        describe(ticket, answer, 0 if is_another(ticket, outcome) else outcome.failures),
        headers=LOOK_AGAIN if answer is None else None,
    )


def accepted(ticket: Ticket, headers: Mapping[str, str]) -> web.Response:
    """The answer to a command that is stored and has no outcome yet."""
    found = {**headers, "Location": ticket.path, "Preference-Applied": RESPOND_ASYNC, **LOOK_AGAIN}
    return json_response(describe(ticket, None), status=202, headers=found)


def where_to_ask(headers: Mapping[str, str], ticket: Ticket | None, answer: Answer) -> Mapping[str, str]:
    """``headers``, and where the outcome of a command can be learnt, if it has one that is not in this answer (link relation ``status`` of
    RFC 8631)."""
    if ticket is None or (answer.code != 504 and answer.slug != "id_in_flight"):
        return headers
    links = [*([headers["Link"]] if "Link" in headers else []), f'<{ticket.path}>; rel="status"']
    return {**headers, "Link": ", ".join(links)}


def _nothing() -> UnknownMessage:
    return UnknownMessage("nothing is known of such a message: outcomes are told to whoever sent the message, for a day")
