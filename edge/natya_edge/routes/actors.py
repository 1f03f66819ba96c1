"""Commands, queries and states of single actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web

from natya.errors import Invalid, NatyaError
from natya.message import Answer, digest_of
from natya.ref import Options
from natya_edge import headers as read
from natya_edge import tickets
from natya_edge.accepting import Command, accept
from natya_edge.body import check_depth, read_body
from natya_edge.conditional import conditional
from natya_edge.errors import MethodNotAllowed
from natya_edge.gateway import Calls
from natya_edge.keys import GATEWAY, IDS, PRINCIPAL, REQUEST_ID, SETTINGS
from natya_edge.load.breakers import BREAKERS, shows_service
from natya_edge.prefer import preferences
from natya_edge.responses import NO_STORE, answer_problem, json_response
from natya_edge.routes.messages import accepted, where_to_ask
from natya_edge.settings import EdgeSettings
from natya_edge.sparse import read_selection, select
from natya_edge.text import decode

STATE: Final = "state"
"""The query by which an actor's owner tells version and state; no method of a kind can have this name."""
_READ: Final = ("GET", "HEAD")
_POSTED: Final = ("POST",)


def add_routes(app: web.Application) -> None:
    app.router.add_post("/v1/actors/{kind:[^/]*}/{key:[^/]*}/{method:[^/]*}", command)
    app.router.add_get("/v1/actors/{kind:[^/]*}/{key:[^/]*}/{method:[^/]*}", query)
    app.router.add_get("/v1/actors/{kind:[^/]*}/{key:[^/]*}", state)


async def command(request: web.Request) -> web.Response:
    """``POST /v1/actors/{kind}/{key}/{command}``: the body holds the parameters, the response the result."""
    gateway = request.app[GATEWAY]
    calls = gateway.calls()
    kind, key, name = _path(request)
    method = gateway.method(calls, kind, name)
    if method.query:
        raise MethodNotAllowed(f"{method.where} is a query: use GET", _READ)
    principal = request[PRINCIPAL]
    method.rule.check(principal, key)
    if request.rel_url.raw_query_string:
        raise Invalid(f"{method.where} is a command: its parameters go into the body, not into the query string")
    settings = request.app[SETTINGS]
    intention = read.idempotency_key(request.headers)
    if_version = read.if_version(request.headers)
    wish = preferences(request.headers)
    body = await _body(request, settings)
    method.rule.check_arguments(principal, body)
    ticket = None
    if intention or wish.respond_async:
        digest = digest_of(name, body)
        ticket = tickets.issue(principal, kind, key, digest, idempotency_key=intention, unique=request.app[IDS].new())
    id, keep = (ticket.id, settings.keep_ids) if ticket is not None else ("", 0)
    if ticket is not None and wish.respond_async:
        options = Options(id, settings.timeout, if_version, keep)
        trace = read.traceparent(request.headers)
        stored = Command(ticket, name, body, options, principal.subject, trace, repeatable=bool(intention))
        found = await accept(calls, stored, min(wish.wait or 0, settings.timeout_limit))
        return accepted(ticket, method.headers) if found is None else _done(request, found, if_version, method.headers)
    options = Options(id, _timeout(request, settings), if_version, keep)
    answer = await _call(request, calls, kind, key, name, body, options, exclusive=ticket is not None)
    return _done(request, answer, if_version, where_to_ask(method.headers, ticket, answer))


async def query(request: web.Request) -> web.Response:
    """``GET /v1/actors/{kind}/{key}/{query}``: the query string holds the parameters."""
    gateway = request.app[GATEWAY]
    calls = gateway.calls()
    kind, key, name = _path(request)
    method = gateway.method(calls, kind, name)
    if not method.query:
        raise MethodNotAllowed(f"{method.where} is a command: use POST", _POSTED)
    principal = request[PRINCIPAL]
    method.rule.check(principal, key)
    body = method.parameters.body(request.rel_url.raw_query_string)
    method.rule.check_arguments(principal, body)
    answer = await _call(request, calls, kind, key, name, body, Options("", _timeout(request, request.app[SETTINGS])))
    age = method.max_age
    return _answered(request, answer, f"private, max-age={int(age)}" if age else NO_STORE, method.headers)


async def state(request: web.Request) -> web.Response:
    """``GET /v1/actors/{kind}/{key}``: the state, or some fields of it; its version as `ETag`; 304 if the client has it."""
    gateway = request.app[GATEWAY]
    calls = gateway.calls()
    name, key, _ = _path(request)
    kind = gateway.kind(calls, name)
    kind.rule.check(request[PRINCIPAL], key)
    selection = read_selection(kind.name, kind.manifest["state"], request.rel_url.raw_query_string)
    answer = await _call(request, calls, name, key, STATE, b"", Options("", _timeout(request, request.app[SETTINGS])))
    if not answer.ok:
        return answer_problem(answer, request[REQUEST_ID], kind.headers)
    found = orjson.loads(answer.body)
    return conditional(request, orjson.dumps(select(found["state"], selection)), f'"{found["version"]}"', kind.headers)


def takes(request: web.Request) -> tuple[str, ...]:
    """The HTTP methods that the command or query at this path takes; none if the path is not that of one."""
    match request.rel_url.raw_path.split("/"):
        case ["", "v1", "actors", kind, _, name]:
            gateway = request.app[GATEWAY]
            try:
                method = gateway.method(gateway.calls(), decode(kind, "kind"), decode(name, "method"))
            except NatyaError:
                return ()
            return _READ if method.query else _POSTED
        case _:
            return ()


def _path(request: web.Request) -> tuple[str, str, str]:
    """Kind, key and method, the last one empty where the path has none. The raw path is read, for a router's own decoding
    is lenient and ours must happen exactly once. Raises `Invalid`."""
    _, _, _, kind, key, *rest = request.rel_url.raw_path.split("/")
    found = decode(key, "key")
    if not found:
        raise Invalid("the key is empty: a key has 1 to 200 bytes of UTF-8", field="key")
    return decode(kind, "kind"), found, decode(rest[0], "method") if rest else ""


async def _body(request: web.Request, settings: EdgeSettings) -> bytes:
    """The body, if it is JSON as far as can be told cheaply. Raises `UnsupportedMediaType`, `TooLarge`, `BodyTimeout`, `Invalid`."""
    if not request.body_exists:
        return b""  # whatever type a client says that nothing has
    read.check_content(request.headers)
    body = await read_body(request, settings)
    check_depth(body, settings.json_depth)
    return body


def _timeout(request: web.Request, settings: EdgeSettings) -> float:
    wait = preferences(request.headers).wait
    return settings.timeout if wait is None else max(1, min(wait, settings.timeout_limit))


async def _call(
    request: web.Request,
    calls: Calls,
    kind: str,
    key: str,
    method: str,
    body: bytes,
    options: Options,
    *,
    exclusive: bool = False,
) -> Answer:
    breaker = request.app[BREAKERS].enter(kind)
    answer = await calls.call(
        kind,
        key,
        method,
        body,
        options,
        caller=request[PRINCIPAL].subject,
        traceparent=read.traceparent(request.headers),
        exclusive=exclusive,
        unserved=breaker.failed,
    )
    if shows_service(answer):
        breaker.answered()
    return answer


def _done(request: web.Request, answer: Answer, if_version: int | None, headers: Mapping[str, str]) -> web.Response:
    """The response to a command. A success is the actor's next version, so where the version before was asked for the new one is known."""
    if answer.ok and if_version is not None:
        headers = {**headers, "ETag": f'"{if_version + 1}"'}
    return _answered(request, answer, NO_STORE, headers)


def _answered(request: web.Request, answer: Answer, cache: str, headers: Mapping[str, str]) -> web.Response:
    if not answer.ok:
        return answer_problem(answer, request[REQUEST_ID], headers)
    found = headers if cache == NO_STORE else {**headers, "Vary": "Authorization"}
    return json_response(answer.body or b"null", cache=cache, headers=found)
