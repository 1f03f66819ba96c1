"""Lists over HTTP: what is asked of the store, and how its pages come out."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp.test_utils import TestClient
from yarl import URL

from natya.errors import NatyaError, Unavailable
from natya.memory import MemoryStore
from natya.ports.listing import Search, SearchTooSlow
from natya.ports.snapshots import Snapshot
from natya_edge.auth.dev_secret import make_dev_token
from support.edge import SECRET, Goods, RecordingPlatform

Client = TestClient[Any, Any]

LIST: Final = "/v1/actors/goods"
STATES: Final[dict[str, dict[str, Any]]] = {
    "apple": {"count": 3, "price": 1.5, "label": "a fruit", "tags": ["red", "round"], "made": "2026-03-01T00:00:00Z"},
    "ball": {"count": 3, "price": None, "tags": ["round"], "sold": True, "made": "2026-01-01T12:00:00+02:00"},
    "cart": {"count": 0, "price": 99.0, "label": "", "part": {"name": "wheel", "price": 5.0}},
    "door/1": {
        "count": -7,
        "price": 20.0,
        "label": "$gt",
        "parts": [{"name": "knob", "price": 1.0}, {"name": "hinge", "price": 2.0}],
    },
    "élan": {"count": 2**40, "label": "fruit"},
}


@pytest.fixture
async def store(store: MemoryStore) -> MemoryStore:
    codec = Goods.__definition__
    await store.snapshots.write(
        "goods",
        [
            Snapshot(key, number, number, 0, 1, codec.freeze(codec.thaw(orjson.dumps(state), 1)))
            for number, (key, state) in enumerate(STATES.items(), 1)
        ],
    )
    return store


ADA: Final = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada', roles=())}"}
"""No operator."""


async def get(client: Client, query: str = "", headers: Mapping[str, str] | None = None) -> Any:
    return await client.get(URL(f"{LIST}?{query}", encoded=True), headers=headers)


async def keys(client: Client, query: str = "", headers: Mapping[str, str] | None = None) -> list[str]:
    response = await get(client, query, headers)
    body = await response.json()
    assert response.status == 200, body
    return [actor["key"] for actor in body["actors"]]


async def refused(client: Client, query: str) -> dict[str, str]:
    """The fields that a 400 names, and what it says of them."""
    response = await get(client, query)
    problem = await response.json()
    assert (response.status, problem["code"]) == (400, "invalid"), problem
    return {error["field"]: error["message"] for error in problem.get("errors", [])}


async def test_a_list_has_key_version_schema_time_and_state(client: Client, store: MemoryStore) -> None:
    response = await get(client, "key=apple")
    [actor] = (await response.json())["actors"]
    assert (response.status, response.content_type, (await response.json())["next"]) == (200, "application/json", None)
    assert (actor["key"], actor["version"], actor["schema"]) == ("apple", 1, 1)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", actor["written"])
    assert actor["state"] | STATES["apple"] == actor["state"]
    assert actor["state"]["parts"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "apple ball cart door/1 élan"),
        ("sort=-key", "élan door/1 cart ball apple"),
        ("count=3", "apple ball"),
        ("count=3&count=0", "apple ball cart"),
        ("count[gte]=0&count[lt]=5", "apple ball cart"),
        ("count%5Bgt%5D=3", "élan"),
        ("count[ne]=3&count[ne]=0", "door/1 élan"),
        ("price[lte]=20&sort=price", "apple door/1"),
        ("price=", "ball élan"),
        ("price[null]=true", "ball élan"),
        ("price[null]=false&sort=-price", "cart door/1 apple"),
        ("label=a+fruit", "apple"),
        ("label=", "cart"),
        ("label=$gt", "door/1"),
        ("label[prefix]=a%20", "apple"),
        ("label[null]=true", "ball"),
        ("key[prefix]=%C3%A9", "élan"),
        ("key=door%2F1", "door/1"),
        ("sold=true", "ball"),
        ("color=red&sold=false&sort=-count,key", "élan apple cart door/1"),
        ("made[lt]=2026-02-01T00:00:00Z", "ball"),
        ("made=2026-01-01T10:00:00.000Z", "ball"),
        ("sort=-made&made[null]=false", "apple ball"),
        ("tags=round&tags=green", "apple ball"),
        ("tags[ne]=round", "cart door/1 élan"),
        ("part.name=wheel", "cart"),
        ("parts.name=hinge", "door/1"),
        ("sort=count,-price", "door/1 cart apple ball élan"),
    ],
)
async def test_filters_and_order(client: Client, store: MemoryStore, query: str, found: str) -> None:
    assert await keys(client, query) == found.split()


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("secret=x", "secret", "count"),
        ("part=x", "part", "none of the fields"),
        ("part.price=1", "part.price", "none of the fields"),
        ("$where=1", "$where", "none of the fields"),
        ("count[$gt]=1", "count[$gt]", "use one of eq, ne, gt"),
        ("count[regex]=1", "count[regex]", "use one of"),
        ("count=x", "count", "a whole number"),
        ("count=1.5", "count", "a whole number"),
        ("count=%7B%22$gt%22:1%7D", "count", "a whole number"),
        ("count[gt]=1&count[gt]=2", "count[gt]", "more than once"),
        ("count[null]=x", "count[null]", "true or false"),
        ("price[gt]=", "price[gt]", "nothing is above or below null"),
        ("made=soon", "made", "2026-01-31T12:00:00Z"),
        ("count[prefix]=1", "count[prefix]", "for text only"),
        ("made[prefix]=2026-01-01T00:00:00Z", "made[prefix]", "for text only"),
        ("tags[gt]=a", "tags[gt]", "only eq and ne"),
        ("sort=tags", "sort", "count, key, label"),
        ("sort=secret", "sort", "must be some of"),
        ("sort=", "sort", "must be some of"),
        ("sort=count,-count", "sort", "twice"),
        ("sort=count,price,label,color,sold", "sort", "at most 4"),
        ("sort=count&sort=price", "sort", "more than once"),
        ("limit=0", "limit", "from 1 to 1000"),
        ("limit=1001", "limit", "from 1 to 1000"),
        ("limit=x", "limit", "from 1 to 1000"),
        ("fields=nothing", "fields", "no field of the state of goods"),
        ("fields=", "fields", "no field of the state"),
        ("fields=part.none", "fields", "no field"),
    ],
)
async def test_what_cannot_be_is_named(client: Client, query: str, field: str, says: str) -> None:
    found = await refused(client, query)
    assert list(found) == [field]
    assert says in found[field]


async def test_all_mistakes_are_named_at_once(client: Client) -> None:
    assert set(await refused(client, "count=x&secret=1&limit=0")) == {"count", "secret", "limit"}
    assert (await get(client, "&".join(["count=1"] * 200))).status == 400


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ("count", {"count": 0}),
        ("count,part.name", {"count": 0, "part": {"name": "wheel"}}),
        ("part.name,part", {"part": {"name": "wheel", "price": 5.0}}),
        ("part.name,part.price", {"part": {"name": "wheel", "price": 5.0}}),
        ("secret", {"secret": ""}),
    ],
)
async def test_fields_are_sent_alone(client: Client, store: MemoryStore, fields: str, state: dict[str, Any]) -> None:
    [actor] = (await (await get(client, f"key=cart&fields={fields}")).json())["actors"]
    assert actor["state"] == state


async def test_fields_of_members_of_lists(client: Client, store: MemoryStore) -> None:
    [actor] = (await (await get(client, "key=door/1&fields=parts.name")).json())["actors"]
    assert actor["state"] == {"parts": [{"name": "knob"}, {"name": "hinge"}]}


@pytest.mark.parametrize(
    "query", ["", "sort=count", "sort=-price,label&fields=count", "sort=-made", "count[gte]=-7&sort=-key"]
)
@pytest.mark.parametrize("by", ["cursor", "link"])
async def test_pages_go_on_by_cursor_or_by_link(client: Client, store: MemoryStore, query: str, by: str) -> None:
    whole = await keys(client, query)
    found: list[str] = []
    url = f"{LIST}?limit=2&{query}"
    while url:
        response = await client.get(URL(url, encoded=True))
        body = await response.json()
        found += [actor["key"] for actor in body["actors"]]
        link = re.search(r'<(/v1/actors/goods\?[^>]*)>; rel="next"', response.headers["Link"])
        assert (link is None) is (body["next"] is None)
        if by == "link":
            url = link[1] if link else ""
        else:
            url = f"{LIST}?limit=2&{query}&cursor={body['next']}" if body["next"] else ""
    assert found == whole


async def test_a_cursor_of_another_list_is_refused(client: Client, store: MemoryStore) -> None:
    cursor = (await (await get(client, "count[lt]=9&label[null]=false&sort=count&limit=1")).json())["next"]
    good = f"label[null]=false&count[lt]=9&sort=count&limit=3&fields=count&cursor={cursor}"
    assert await keys(client, good) == ["cart", "apple"]
    for other in ("sort=count", "count[lt]=9&label[null]=false&sort=-count", "count[lt]=8&label[null]=false&sort=count",
                  "count[lte]=9&label[null]=false&sort=count", "count[lt]=9&label[null]=false"):  # fmt: skip
        found = await refused(client, f"{other}&cursor={cursor}")
        assert "of another list" in found["cursor"], other


def forge(cursor: str, *parts: Any) -> str:
    """The cursor with other parts behind its hash."""
    digest = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    return base64.urlsafe_b64encode(orjson.dumps([digest, *parts])).rstrip(b"=").decode()


async def test_a_forged_cursor_is_refused_or_only_begins_elsewhere(client: Client, store: MemoryStore) -> None:
    cursor = (await (await get(client, "sort=count&limit=1")).json())["next"]
    elsewhere: list[list[Any]] = [
        [3, "apple"], ["text", ""], [True, "x"], [{"number": "1e30"}, "x"], [{"ms": 5}, "x"], [1.5, "x"],
    ]  # fmt: skip
    for parts in elsewhere:
        assert set(await keys(client, f"sort=count&cursor={forge(cursor, *parts)}")) < set(STATES)
    broken: list[list[Any]] = [
        [], [3], ["apple"], [3, 4], [3, None], [3, "a", "b"], [{"$gt": 1}, "a"], [[1], "a"], [{"number": "NaN"}, "a"],
        [{"number": "1e999999999"}, "a"], [{"ms": 10**18}, "a"], [{"ms": "5"}, "a"],
    ]  # fmt: skip
    for parts in broken:
        assert "no cursor" in (await refused(client, f"sort=count&cursor={forge(cursor, *parts)}"))["cursor"], parts
    for text in ("", "x", "!!", "AAAA", cursor[:-3], cursor + "AAAA", "e30", "W10", "x" * 5_000, "%C3%A9"):
        assert "cursor" in (await refused(client, f"sort=count&cursor={text}"))["cursor"], text


async def test_text_too_long_for_a_cursor_is_told(client: Client, store: MemoryStore) -> None:
    long = [Snapshot(f"long {n}", 1, 99 + n, 0, 1, orjson.dumps({"label": "z" * 4_000})) for n in range(2)]
    await store.snapshots.write("goods", long)
    found = await refused(client, "label[prefix]=z&sort=label&limit=1")
    assert "sort by another field" in found["sort"]
    assert await keys(client, "label[prefix]=z&limit=2") == ["long 0", "long 1"]


async def test_a_list_may_be_kept_and_asked_for_again(client: Client, store: MemoryStore) -> None:
    first = await get(client, "sort=count")
    assert (first.headers["Cache-Control"], "Authorization" in first.headers["Vary"]) == ("private, no-cache", True)
    again = await client.get(f"{LIST}?sort=count", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.headers["ETag"], await again.read()) == (304, first.headers["ETag"], b"")
    await store.snapshots.write("goods", [Snapshot("apple", 9, 900, 0, 1, b'{"count":4}')])
    changed = await client.get(f"{LIST}?sort=count", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200


async def test_a_store_that_is_away_is_503_without_its_address(client: Client, store: MemoryStore) -> None:
    store.snapshots.available = False
    response = await get(client)
    problem = await response.json()
    assert (response.status, problem["code"], response.headers["Retry-After"]) == (503, "unavailable", "1")
    assert problem["detail"] == "the store cannot be reached"


async def test_a_search_that_takes_too_long_is_504(
    client: Client, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(search: Search) -> None:
        raise SearchTooSlow("the store gave the search up after 5 s")

    monkeypatch.setattr(store.listings, "page", slow)
    response = await get(client)
    assert (response.status, (await response.json())["code"]) == (504, "deadline")


async def test_kinds_without_a_list(client: Client, platform: RecordingPlatform) -> None:
    for path, code in (("/v1/actors/plain", "not_found"), ("/v1/actors/nothing", "unknown_kind")):
        response = await client.get(path)
        assert (response.status, (await response.json())["code"]) == (404, code)
    assert platform.calls == []


async def test_a_kind_without_indexes_is_listed_by_key(client: Client, store: MemoryStore) -> None:
    await store.snapshots.write("types", [Snapshot(key, 1, 1, 0, 1, b'{"called":1}') for key in "ba"])
    body = await (await client.get("/v1/actors/types?sort=key&fields=called")).json()
    assert [actor["key"] for actor in body["actors"]] == ["a", "b"]
    assert (await client.get("/v1/actors/types?called=1")).status == 400


def restricted(kind: Mapping[str, Any], **access: Any) -> dict[str, Any]:
    return {**kind, "access": {**kind["access"], "anyone": False, **access}}


async def test_an_owner_sees_only_keys_of_its_own_on_any_page(
    client: Client, store: MemoryStore, platform: RecordingPlatform
) -> None:
    platform.kinds["goods"] = restricted(platform.kinds["goods"], owner="sub")
    mine = ["ada", "ada~1", "ada~2"]
    others = ["ad", "adam", "ada.1", "bob", "Ada"]
    await store.snapshots.write("goods", [Snapshot(key, 1, 50, 0, 1, b'{"count":1}') for key in (*mine, *others)])
    assert await keys(client, headers=ADA) == mine
    assert await keys(client, "key=bob&key=ada", ADA) == ["ada"]
    cursor = (await (await get(client, "limit=1", ADA)).json())["next"]
    assert await keys(client, f"cursor={cursor}", ADA) == mine[1:]
    assert await keys(client, f"cursor={forge(cursor, 'a')}", ADA) == mine


async def test_who_may_see_nothing_is_forbidden(client: Client, platform: RecordingPlatform) -> None:
    platform.kinds["goods"] = restricted(platform.kinds["goods"], roles=["clerk"])
    assert (await get(client, "", ADA)).status == 403


async def test_every_list_needs_a_token(client: Client) -> None:
    response = await client.get(LIST, headers={"Authorization": ""})
    assert response.status == 401
    assert urlsplit(str(response.url)).path == LIST


async def test_a_list_says_how_old_it_may_be_if_that_can_be_told(client: Client, platform: RecordingPlatform) -> None:
    response = await get(client)
    assert response.headers["Natya-As-Of"] == "2030-03-17T17:46:40.000Z"
    assert (await get(client, headers={"If-None-Match": response.headers["ETag"]})).status == 304, "it is not in the tag"
    await get(client, "limit=1")
    assert platform.freshness_asked == ["goods"], "not again for a second"


@pytest.mark.parametrize("trouble", [None, Unavailable("not now")])
async def test_a_list_whose_age_is_unknown_says_nothing_of_it(
    client: Client, platform: RecordingPlatform, trouble: NatyaError | None
) -> None:
    platform.all_written = trouble
    response = await get(client)
    assert response.status == 200
    assert "Natya-As-Of" not in response.headers
