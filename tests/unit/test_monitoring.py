"""What watches a node, together, and a real node that is watched."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import orjson
import pytest

from natya.errors import ConfigurationError
from natya.jetstream import open_jetstream
from natya.manifest import Definition
from natya.monitoring import open_monitoring
from natya.node import run_node
from natya.settings import Settings
from natya.telemetry.events import TurnFinished
from natya_actors.account import Account
from natya_ops.servers.ports import free_port


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_nothing_is_served_without_a_port() -> None:
    async with open_monitoring(Settings(node="n1")) as monitoring:
        assert monitoring.port is None
        assert monitoring.telemetry.active
        assert not monitoring.telemetry.tracing


async def test_a_node_that_is_not_there_yet_is_alive_and_not_ready() -> None:
    async with open_monitoring(Settings(node="n1", metrics_port=0)) as monitoring:
        assert monitoring.port
        assert (await get(monitoring.port, "/livez"))[0] == 200
        assert (await get(monitoring.port, "/readyz"))[0] == 503
        monitoring.ready = lambda: True
        assert (await get(monitoring.port, "/readyz"))[0] == 200


async def test_events_and_the_process_are_in_the_metrics() -> None:
    async with open_monitoring(Settings(node="n1", metrics_port=0)) as monitoring:
        assert monitoring.port
        monitoring.telemetry.raise_event(TurnFinished("account", "deposit", "ok", 0.001))
        _, text = await get(monitoring.port, "/metrics")
    assert 'natya_node_info{node="n1"' in text
    assert "natya_turns_total{" in text
    assert "process_cpu_seconds_total " in text


async def test_logging_that_is_set_up_already_stays() -> None:
    root = logging.getLogger()
    assert root.handlers
    before = list(root.handlers)
    async with open_monitoring(Settings(node="n1", log_level="DEBUG")):
        assert root.handlers == before


async def test_an_exporter_that_is_missing_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "nowhere")
    with pytest.raises(ConfigurationError, match="nowhere"):
        async with open_monitoring(Settings(node="n1")):
            pass


async def test_a_node_is_ready_counts_its_turns_and_answers_as_a_service(
    nats_url: str, store_url: str, namespace: str, database: str
) -> None:
    port = free_port()
    settings = Settings(namespace=namespace, nats=nats_url, store=store_url, database=database, node="n1", metrics_port=port)
    served, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(run_node(settings, [Definition.of(Account)], ready=served.set, stop=stop))
    try:
        async with asyncio.timeout(30), open_jetstream(settings, name="test") as jetstream:
            await served.wait()
            assert (await get(port, "/readyz"))[0] == 200
            subject = f"{namespace}.ask.account.alice.deposit"
            await jetstream.bus.request(subject, b'{"amount": 5}', timeout=5)
            _, text = await get(port, "/metrics")
            assert 'natya_turns_total{kind="account",method="deposit",outcome="ok"} 1.0' in text
            assert 'natya_partitions{kind="account"} 16.0' in text
            assert "natya_connected 1.0" in text
            stats = await jetstream.bus.request(f"$SRV.STATS.{namespace}", b"", timeout=5)
            (endpoint,) = orjson.loads(stats.data)["endpoints"]
            assert endpoint["num_requests"] == 1
    finally:
        stop.set()
        await running
