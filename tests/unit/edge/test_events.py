"""Streams of events: what is asked for, what comes, limits, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.keys import STREAMS
from natya_edge.live.streams import Streams
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform
from support.event_source import Message, event_source
from support.world import eventually


def authorization(subject: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_dev_token(SECRET, subject)}"}


@pytest.fixture
def edge_settings() -> EdgeSettings:
    return EdgeSettings(
        _env_file=None,
        hs256=True,
        secret=SECRET,
        events_streams=4,
        events_streams_each=3,
        events_heartbeat=0.05,
        events_patience=5,
    )


@pytest.fixture
async def http(server: TestServer) -> AsyncIterator[ClientSession]:
    async with ClientSession(str(server.make_url("/")), headers=authorization("ada")) as session:
        yield session


@pytest.fixture
def streams(server: TestServer) -> Streams:
    return server.app[STREAMS]


def bodies(messages: list[Message]) -> list[Any]:
    return [message.body for message in messages]


async def refused(http: ClientSession, query: str, **headers: str) -> tuple[int, Any]:
    async with http.get(f"/v1/events{query}", headers=headers) as response:
        return response.status, await response.json()


async def test_an_event_comes_as_one_message_of_one_line(http: ClientSession, platform: RecordingPlatform) -> None:
    async with event_source(http) as source:
        sequence = await platform.emit({"n": 1, "text": "zwei\nZeilen"}, key="a/b é")
        message = await source.next()
    assert (message.type, message.last_id) == ("account.changed", str(sequence))
    found = message.json
    assert found.pop("time").endswith("Z")
    assert found.pop("id").startswith("i")
    assert found == {"kind": "account", "key": "a/b é", "event": "changed", "body": {"n": 1, "text": "zwei\nZeilen"}}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", {}),
        (b'{\n"a":\r\n1}', {"a": 1}),
        (b"\nno: json\n\n", "\nno: json\n\n"),
        (b"\xff", "\ufffd"),
        (b"[1e400]", "[1e400]"),
    ],
)
async def test_a_body_that_no_actor_can_emit_does_not_break_the_stream(
    http: ClientSession, platform: RecordingPlatform, body: bytes, shown: object
) -> None:
    async with event_source(http) as source:
        await platform.emit(body, {"after": 1})
        assert bodies(await source.take(2)) == [shown, {"after": 1}]


async def test_its_headers_keep_intermediaries_from_holding_events_back(http: ClientSession) -> None:
    async with http.get("/v1/events", headers={"Accept-Encoding": "gzip", "X-Request-Id": "r-1"}) as response:
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Request-Id"] == "r-1"
        assert "Content-Encoding" not in response.headers
    async with http.head("/v1/events") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abcdef"),
        ("&kind=account", "abce"),
        ("&kind=account&key=ada", "ac"),
        ("&kind=account&kind=types&event=changed", "abdf"),
        ("&key=%2A", "ef"),
        ("&event=closed&key=ada&key=bob", "c"),
    ],
)
async def test_filters_are_exact_and_hold_for_old_events_and_new_ones(
    http: ClientSession, platform: RecordingPlatform, query: str, expected: str
) -> None:
    async def emit_all() -> None:
        await platform.emit("a")
        await platform.emit("b", key="bob")
        await platform.emit("c", name="closed")
        await platform.emit("d", kind="types", key="bob")
        await platform.emit("e", key="*", name="closed")
        await platform.emit("f", kind="types", key="*")

    await emit_all()
    async with event_source(http, f"?from=start{query}") as source:
        assert "".join(bodies(await source.take(len(expected)))) == expected
        await emit_all()
        assert "".join(bodies(await source.take(len(expected)))) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?kinds=account", "kinds"),
        ("?after=1&after=2", "after"),
        ("?from=now&from=start", "from"),
        ("?after=1&from=now", "from"),
        ("?after=-1", "after"),
        ("?after=x", "after"),
        ("?after=" + "9" * 19, "after"),
        ("?from=yesterday", "from"),
        ("?kind=Account", "kind"),
        ("?key=", "key"),
        ("?key=%FF", "key"),
        ("?event=a.b", "event"),
    ],
)
async def test_what_cannot_be_asked_for_is_named(http: ClientSession, query: str, field: str) -> None:
    status, problem = await refused(http, query)
    assert (status, problem["code"], problem["errors"][0]["field"]) == (400, "invalid", field)


async def test_other_refusals_are_problems_too(http: ClientSession, platform: RecordingPlatform) -> None:
    status, problem = await refused(http, "", **{"Last-Event-ID": "abc"})
    assert (status, problem["errors"][0]["field"]) == (400, "Last-Event-ID")
    assert (await refused(http, "?" + "&".join(f"key={n}" for n in range(65))))[0] == 400
    status, problem = await refused(http, "?kind=nothing")
    assert (status, problem["code"]) == (404, "unknown_kind")
    assert (await refused(http, "", Authorization=""))[0] == 401
    platform.connected = False
    assert (await refused(http, ""))[0] == 503


async def test_from_now_gets_nothing_old_and_can_resume_from_its_first_moment(
    http: ClientSession, platform: RecordingPlatform
) -> None:
    last = await platform.emit("old")
    async with event_source(http) as source:
        assert source.parser.last_id == str(last)
    await platform.emit("missed")
    async with event_source(http, last_id=source.parser.last_id) as source:
        await platform.emit("new")
        assert bodies(await source.take(2)) == ["missed", "new"]


async def test_the_header_goes_before_the_query_string(http: ClientSession, platform: RecordingPlatform) -> None:
    await platform.emit(*range(10))
    async with event_source(http, "?after=2", last_id="7") as source:
        assert bodies(await source.take(3)) == [7, 8, 9]
    async with event_source(http, "?from=start", last_id="8") as source:
        assert bodies(await source.take(2)) == [8, 9]


async def test_catching_up_joins_what_is_new_without_a_gap_or_a_repetition(
    http: ClientSession, platform: RecordingPlatform
) -> None:
    await platform.emit(*range(1_000))

    async def go_on() -> None:
        for n in range(1_000, 2_000):
            await platform.emit(n)

    going_on = asyncio.create_task(go_on())
    async with event_source(http, "?after=100") as source:
        assert bodies(await source.take(1_900)) == list(range(100, 2_000))
    await going_on


async def test_a_heartbeat_moves_the_position_past_what_was_not_wanted(
    http: ClientSession, platform: RecordingPlatform
) -> None:
    await platform.emit(*range(5))
    async with event_source(http, "?event=never&after=0") as source:
        await source.until_id("5")
        last = await platform.emit(5, 6)
        await source.until_id(str(last))
        assert source.parser.comments


async def test_what_was_trimmed_is_told_and_the_rest_comes(http: ClientSession, platform: RecordingPlatform) -> None:
    await platform.emit(*range(1, 11))
    platform.event_stream.stream.purge(">", before=8)
    async with event_source(http, last_id="3") as source:
        gap, *rest = await source.take(4)
    assert (gap.type, gap.json["after"], gap.json["first"], gap.last_id) == ("gap", 3, 8, "7")
    assert bodies(rest) == [8, 9, 10]


async def test_from_the_start_is_no_gap(http: ClientSession, platform: RecordingPlatform) -> None:
    await platform.emit(*range(1, 11))
    platform.event_stream.stream.purge(">", before=8)
    async with event_source(http, "?from=start") as source:
        assert bodies(await source.take(3)) == [8, 9, 10]


async def test_a_position_that_the_stream_never_reached_is_told(http: ClientSession, platform: RecordingPlatform) -> None:
    await platform.emit(*range(1, 4))
    async with event_source(http, last_id="99") as source:
        gap, *rest = await source.take(4)
    assert (gap.type, gap.json["after"], gap.json["first"]) == ("gap", 99, 1)
    assert bodies(rest) == [1, 2, 3]


async def test_while_nats_is_away_the_stream_stays_and_says_so(http: ClientSession, platform: RecordingPlatform) -> None:
    async with event_source(http) as source:
        platform.event_stream.bus.disconnect()
        source.parser.comments.clear()
        with pytest.raises(TimeoutError):
            await source.next(limit=0.5)
        assert any("not connected" in comment for comment in source.parser.comments)
        platform.event_stream.bus.reconnect()
        await platform.emit("after")
        assert (await source.next()).body == "after"


async def test_a_client_that_resumes_while_nats_is_away_waits(
    http: ClientSession, platform: RecordingPlatform, streams: Streams
) -> None:
    await platform.emit(1, 2, 3)
    async with event_source(http):
        platform.event_stream.bus.disconnect()
        async with event_source(http, last_id="1") as late:
            with pytest.raises(TimeoutError):
                await late.next(limit=0.3)
            platform.event_stream.bus.reconnect()
            assert bodies(await late.take(2)) == [2, 3]


async def test_the_stream_is_read_only_while_somebody_listens(
    http: ClientSession, platform: RecordingPlatform, streams: Streams
) -> None:
    assert not streams.statistics.read
    async with event_source(http), event_source(http):
        assert (streams.statistics.open, streams.statistics.subjects, streams.statistics.read) == (2, 1, True)
    await eventually(lambda: streams.statistics.open == 0)
    assert not streams.statistics.read
    async with event_source(http) as source:
        await platform.emit("again")
        assert (await source.next()).body == "again"


async def test_streams_are_limited_for_each_principal_and_for_the_edge(http: ClientSession, streams: Streams) -> None:
    async with event_source(http), event_source(http):
        async with event_source(http):
            status, problem = await refused(http, "")
            assert (status, problem["code"], problem["limit"]) == (429, "too_many_streams", 3)
            async with (
                event_source(http, **authorization("bob")),
                http.get("/v1/events", headers=authorization("bob")) as response,
            ):
                assert (response.status, (await response.json())["code"]) == (503, "overloaded")
                assert response.headers["Retry-After"]
        async with event_source(http):  # those that have gone do not count
            pass


async def test_the_end_of_the_edge_is_told_with_a_hint_when_to_come_again(
    server: TestServer, http: ClientSession, platform: RecordingPlatform
) -> None:
    async with event_source(http) as source:
        last = await platform.emit("last")
        assert (await source.next()).body == "last"
        closing = asyncio.create_task(server.close())
        [end] = await source.rest()
        assert (end.type, end.json["reason"], end.json["after"], end.last_id) == ("end", "stopping", last, str(last))
        assert source.parser.retry is not None
        assert 1_000 <= source.parser.retry <= 3_000
        await asyncio.wait_for(closing, 5)


async def test_a_token_that_ends_ends_the_stream(
    gateway: Gateway, edge_settings: EdgeSettings, platform: RecordingPlatform
) -> None:
    class Moved:
        """A clock that goes an hour ahead."""

        ahead = 0

        def now_ms(self) -> int:
            return 1_900_000_000_000 + self.ahead

        def boottime(self) -> float:
            return self.now_ms() / 1000

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

        async def wait_for(self, awaitable: Any, seconds: float) -> Any:
            return await asyncio.wait_for(awaitable, seconds)

    clock = Moved()
    server = TestServer(make_app(edge_settings, gateway, MemoryStore(), clock=clock))
    await server.start_server(**HTTP)
    token = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada', clock=clock)}"}
    async with ClientSession(str(server.make_url("/")), headers=token) as http, event_source(http) as source:
        await platform.emit("before")
        assert (await source.next()).body == "before"
        clock.ahead = 31 * 86_400_000
        [end] = await source.rest()
        assert (end.type, end.json["reason"], end.json["detail"]) == ("end", "token", "the token has expired")
    await server.close()
