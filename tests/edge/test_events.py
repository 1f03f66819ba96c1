"""Live events of real actors, through edges and a NATS server that die: each comes once, in order, to everyone who resumes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from natya.client import connect
from natya.jetstream import open_jetstream
from natya.jetstream.requests import api
from natya.settings import Settings
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import Running, serving
from natya_edge.settings import EdgeSettings
from natya_ops.servers.ports import free_port
from support.cluster import Cluster
from support.edge import SECRET
from support.edge_process import is_status, natya_edge
from support.event_source import EventSource, Message, event_source
from support.waiting import until

TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET, roles=['operator'])}"}


async def deliver(http: ClientSession, key: str, text: str) -> None:
    async with http.post(f"/v1/actors/inbox/{key}/deliver", json={"text": text}, headers=TOKEN) as response:
        assert response.status == 200, await response.text()


def texts(messages: list[Message]) -> list[str]:
    return [message.body["text"] for message in messages]


async def test_an_event_of_an_actor_comes_once_its_turn_is_committed(edge: Running, http: ClientSession, key: str) -> None:
    async with event_source(http, f"?kind=inbox&key={key}", **TOKEN) as source:
        await deliver(http, key, "hello")
        message = await source.next()
    assert message.type == "inbox.delivered"
    assert (message.json["kind"], message.json["key"], message.json["event"]) == ("inbox", key, "delivered")
    assert (message.body["number"], message.body["text"], message.body["sender"]) == (1, "hello", "dev")
    assert message.json["id"].startswith("inbox.")


async def test_an_event_that_is_stored_while_one_catches_up_comes_once(
    edge: Running, http: ClientSession, key: str, cluster: Cluster
) -> None:
    async with connect(cluster.nats.url) as platform:
        for n in range(300):
            await platform.actor("inbox", key).deliver(text=str(n))

        async def go_on() -> None:
            for n in range(300, 600):
                await platform.actor("inbox", key).deliver(text=str(n))

        going_on = asyncio.create_task(go_on())
        async with event_source(http, f"?from=start&kind=inbox&key={key}", **TOKEN) as source:
            assert texts(await source.take(600)) == [str(n) for n in range(600)]
        await going_on


async def test_an_edge_reads_the_stream_once_for_all_clients_and_not_at_all_for_none(key: str, cluster: Cluster) -> None:
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=cluster.store.url)
    async with (
        open_jetstream(settings, name="test") as jetstream,
        serving(settings, EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET, events_heartbeat=0.2)) as edge,
        ClientSession(edge.url) as http,
    ):
        await is_status(http, "/readyz", 200)

        async def consumers() -> int:
            info = await api(jetstream.connection, f"STREAM.INFO.{jetstream.subjects.events_stream}")
            return int(info["state"]["consumer_count"])

        async def are(count: int) -> None:
            await until(consumers, lambda found: found == count)

        await are(0)
        async with AsyncExitStack() as stack:
            sources = [
                await stack.enter_async_context(event_source(http, f"?from=start&key={key}", **TOKEN)) for _ in range(10)
            ]
            await deliver(http, key, "to all")
            assert [(await source.next()).body["text"] for source in sources] == ["to all"] * 10
            await are(1)
        await are(0)


async def test_python_follows_events_too(cluster: Cluster, key: str) -> None:
    async with connect(cluster.nats.url) as platform:
        inbox = platform.actor("inbox", key)
        await inbox.deliver(text="one")
        seen: list[tuple[str, str, Any]] = []
        async for event in platform.follow("inbox", key, from_start=True):
            seen.append((event.key, event.name, event.data["text"]))
            if len(seen) == 1:
                await inbox.deliver(text="two")
            else:
                break
        assert seen == [(key, "delivered", "one"), (key, "delivered", "two")]


class Follower:
    """A client that stays: connects again, to one edge after another, with the id of the last message, as browsers do."""

    def __init__(self, edges: list[str], query: str) -> None:
        self._edges = edges
        self._query = query
        self.messages: list[Message] = []
        self.ends: list[str] = []
        self.connections = 0
        self._last_id = ""

    async def run(self) -> None:
        async with ClientSession(headers=TOKEN) as session:
            while True:
                url = self._edges[self.connections % len(self._edges)]
                self.connections += 1
                try:
                    await self._connect(session, url)
                except (ClientError, OSError, EOFError, AssertionError):
                    await asyncio.sleep(0.05)

    async def _connect(self, session: ClientSession, url: str) -> None:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        async with session.get(f"{url}/v1/events{self._query}", headers=headers) as response:
            assert response.status == 200
            source = EventSource(response)
            try:
                while True:
                    message = await source.next(limit=60)
                    (self.ends if message.type == "end" else self.messages).append(message)  # type: ignore[arg-type]
            finally:
                self._last_id = source.parser.last_id or self._last_id


@asynccontextmanager
async def followers(count: int, edges: list[str], query: str) -> AsyncIterator[list[Follower]]:
    """Followers that are connected, spread over the edges."""
    them = [Follower(edges[n % len(edges) :] + edges[: n % len(edges)], query) for n in range(count)]
    tasks = [asyncio.create_task(each.run()) for each in them]
    try:
        yield them
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def has_all(them: list[Follower], count: int) -> None:
    async with asyncio.timeout(60):
        while any(len(each.messages) < count for each in them):
            await asyncio.sleep(0.02)


def expect(them: list[Follower], count: int) -> None:
    for each in them:
        assert texts(each.messages) == [str(n) for n in range(count)]


@pytest.mark.slow
async def test_every_event_comes_once_through_edges_that_are_killed_and_a_nats_server_that_restarts(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        cluster = Cluster(tmp_path, workers=1)
        cluster.nats.port = free_port()
        cluster.store.port = free_port()
        ports = [free_port(), free_port()]
        edges = [f"http://127.0.0.1:{port}" for port in ports]
        processes = [
            await stack.enter_async_context(natya_edge(cluster.nats.url, cluster.store.url, port)) for port in ports
        ]
        await stack.enter_async_context(cluster)
        for url in edges:
            async with ClientSession(url) as http:
                await is_status(http, "/readyz", 200, limit=90)
        platform = await stack.enter_async_context(connect(cluster.nats.url, timeout=60))
        inbox = platform.actor("inbox", "watched")
        them = await stack.enter_async_context(followers(6, edges, "?kind=inbox&key=watched&from=start"))

        async def deliver_some(first: int, last: int) -> None:
            for n in range(first, last):
                await inbox.deliver(text=str(n))

        await deliver_some(0, 100)
        await has_all(them, 100)

        delivering = asyncio.create_task(deliver_some(100, 300))
        await has_all(them, 120)
        processes[0].kill()
        await delivering
        await has_all(them, 300)
        assert all(each.connections > 1 for each in them[::2])

        delivering = asyncio.create_task(deliver_some(300, 600))
        await has_all(them, 320)
        await cluster.nats.kill()
        await cluster.nats.start()
        processes.append(await stack.enter_async_context(natya_edge(cluster.nats.url, cluster.store.url, ports[0])))
        await delivering
        await has_all(them, 600)

        delivering = asyncio.create_task(deliver_some(600, 800))
        await has_all(them, 620)
        processes[1].send_signal(signal.SIGTERM)
        await delivering
        await has_all(them, 800)
        assert await asyncio.wait_for(processes[1].wait(), 20) == 0
        expect(them, 800)
        assert any(each.ends for each in them)


@pytest.mark.slow
async def test_hundreds_of_streams_end_at_once_when_the_edge_ends(cluster: Cluster) -> None:
    port = free_port()
    limits = {"NATYA_EDGE_EVENTS_STREAMS_EACH": "400"}
    async with natya_edge(cluster.nats.url, cluster.store.url, port, **limits) as process, AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
        await is_status(http, "/readyz", 200)
        crowd = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}", headers=TOKEN))
        assert crowd.connector is not None
        crowd.connector._limit = 0
        sources = [await stack.enter_async_context(event_source(crowd)) for _ in range(300)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        process.send_signal(signal.SIGTERM)
        ends = await asyncio.gather(*(source.rest() for source in sources))
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert loop.time() - began < 8
    assert {(end.type, end.json["reason"]) for [end] in ends} == {("end", "stopping")}
    assert len({source.parser.retry for source in sources}) > 100  # they do not all come back at the same moment
