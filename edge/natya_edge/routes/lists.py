"""Lists of actors, from their snapshots."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from natya.errors import DeadlineExceeded
from natya.ports.listing import KEY, Condition, Listed, Operator, SearchTooSlow
from natya_edge.access import Keys
from natya_edge.conditional import conditional
from natya_edge.errors import NotFound
from natya_edge.keys import FRESHNESS, GATEWAY, PRINCIPAL, STORE
from natya_edge.kinds import Kind
from natya_edge.listing.cursor import write_cursor
from natya_edge.listing.request import read_request
from natya_edge.sparse import Selection, read_fields, select
from natya_edge.text import decode, query_pairs

_UNQUOTED = str.maketrans({"<": "%3C", ">": "%3E", '"': "%22", " ": "%20"})


def add_routes(app: web.Application) -> None:
    app.router.add_get("/v1/actors/{kind:[^/]*}", actors)


async def actors(request: web.Request) -> web.Response:
    """``GET /v1/actors/{kind}``: actors that the caller may see, as they were written last; pages by cursor."""
    gateway = request.app[GATEWAY]
    kind = gateway.kind(gateway.calls(), decode(request.rel_url.raw_path.split("/")[3], "kind"))
    if kind.stateless:
        raise NotFound(f"{kind.name} keeps no state: there is nothing to list")
    principal = request[PRINCIPAL]
    keys = kind.rule.keys(principal)
    if not keys:
        raise kind.rule.refusal(principal)
    asked = read_request(kind.name, kind.searchable, request.rel_url.raw_query_string)
    selection = _selection(kind, asked.fields)
    age = await request.app[FRESHNESS].headers(gateway.calls(), kind.name)
    try:
        page = await request.app[STORE].listings.page(replace(asked.search, either=_among(keys)))
    except SearchTooSlow as error:
        raise DeadlineExceeded(f"{error}: filter more narrowly, or by what the kind's indexes begin with") from error
    cursor = None if page.next is None else write_cursor(asked.search, page.next)
    body = orjson.dumps({"actors": [_shown(listed, selection) for listed in page.actors], "next": cursor})
    headers = {**kind.headers, **age}
    if cursor is not None:
        link = f'<{_url(request, cursor)}>; rel="next"'
        headers["Link"] = f"{headers['Link']}, {link}" if "Link" in headers else link
    return conditional(request, body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"', headers)


def _selection(kind: Kind, fields: str | None) -> Selection:
    return {} if fields is None else read_fields(kind.name, kind.manifest["state"], fields)


def _among(keys: Keys) -> Sequence[Condition]:
    """What keeps a list to the keys that its reader may see."""
    if keys.everything:
        return ()
    return Condition(KEY, Operator.IN, (keys.owner,)), Condition(KEY, Operator.PREFIX, (keys.prefix,))


def _shown(listed: Listed, selection: Selection) -> dict[str, Any]:
    written = datetime.fromtimestamp(listed.written / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "key": listed.key,
        "version": listed.version,
        "schema": listed.schema,
        "written": written.replace("+00:00", "Z"),
        "state": select(orjson.loads(listed.state), selection) if selection else orjson.Fragment(listed.state),
    }


def _url(request: web.Request, cursor: str) -> str:
    """This list from ``cursor`` on."""
    url = request.rel_url
    kept = [part for part in url.raw_query_string.split("&") if part and query_pairs(part)[0][0] != "cursor"]
    return f"{url.raw_path}?{'&'.join([*kept, f'cursor={cursor}'])}".translate(_UNQUOTED)
