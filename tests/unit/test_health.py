"""The HTTP server of a node."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from natya.errors import ConfigurationError
from natya.health import serve_health
from natya.telemetry.events import TurnFinished
from natya.telemetry.metrics import Metrics

HOST = "127.0.0.1"


async def get(port: int, path: str) -> tuple[int, str, str]:
    """Status, content type and text."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}{path}") as answer:
        return answer.status, answer.content_type, await answer.text()


async def test_it_is_alive_while_it_is_not_ready() -> None:
    ready = False
    async with serve_health(HOST, 0, registry=Metrics("n1").registry(), ready=lambda: ready) as port:
        assert (await get(port, "/livez"))[0] == 200
        assert await get(port, "/readyz") == (503, "application/json", '{"ready": false}')
        ready = True
        assert await get(port, "/readyz") == (200, "application/json", '{"ready": true}')


async def test_metrics_are_in_the_text_format_and_as_of_now() -> None:
    metrics = Metrics("n1")
    async with serve_health(HOST, 0, registry=metrics.registry(), ready=lambda: True) as port:
        metrics(TurnFinished("account", "deposit", "ok", 0.001))
        status, kind, text = await get(port, "/metrics")
    assert (status, kind) == (200, "text/plain")
    assert 'natya_turns_total{kind="account",method="deposit",outcome="ok"} 1.0' in text


async def test_other_paths_are_not_found() -> None:
    async with serve_health(HOST, 0, registry=Metrics("n1").registry(), ready=lambda: True) as port:
        assert (await get(port, "/"))[0] == 404


async def test_it_ends_with_its_block() -> None:
    async with serve_health(HOST, 0, registry=Metrics("n1").registry(), ready=lambda: True) as port:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(port, "/livez")


async def test_a_taken_port_is_named_with_the_setting_to_change() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} on {HOST} is taken.*NATYA_METRICS_PORT"):
            async with serve_health(HOST, port, registry=Metrics("n1").registry(), ready=lambda: True):
                pass


async def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:.*NATYA_METRICS_HOST"):
        async with serve_health("192.0.2.1", 0, registry=Metrics("n1").registry(), ready=lambda: True):
            pass
