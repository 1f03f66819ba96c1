"""What the edge tells Prometheus, and where."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from natya.settings import Settings
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import serving
from natya_edge.settings import EdgeSettings
from support.cluster import Cluster
from support.edge import SECRET
from support.world import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}
COMMAND = "/v1/actors/{kind}/{key}/{method}"


async def test_requests_are_counted_by_route_on_a_port_beside_the_api(cluster: Cluster, key: str) -> None:
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=cluster.store.url, metrics_port=0)
    async with (
        serving(settings, EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET)) as edge,
        ClientSession() as http,
    ):
        await eventually(lambda: not edge.gateway.trouble, limit=30)

        async def status(method: str, path: str, **more: object) -> int:
            async with http.request(method, edge.url + path, **more) as response:  # type: ignore[arg-type]
                return response.status

        account = f"/v1/actors/account/{key}"
        assert await status("POST", f"{account}/deposit", json={"amount": 5}, headers=TOKEN) == 200
        assert await status("POST", f"{account}/withdraw", json={"amount": 50}, headers=TOKEN) == 409
        assert await status("POST", f"{account}/deposit", json={"amount": 5}) == 401
        assert await status("PURGE", "/coffee", headers=TOKEN) == 404
        assert await status("GET", "/metrics", headers=TOKEN) == 404
        assert await status("GET", "/livez") == 200

        async with http.get(f"http://127.0.0.1:{edge.metrics_port}/metrics") as response:
            text = await response.text()

    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def requests(route: str, method: str, status: str) -> float:
        labels = {"route": route, "method": method, "status": status}
        return found["natya_edge_requests_total", *sorted(labels.items())]

    assert [requests(COMMAND, "POST", status) for status in ("200", "401", "409")] == [1, 1, 1]
    assert requests("none", "other", "404") == requests("none", "GET", "404") == 1
    assert found["natya_edge_request_seconds_count", ("method", "POST"), ("route", COMMAND)] == 3
    assert found["natya_edge_breaker_state", ("kind", "account")] == 0
    assert found["natya_edge_refused_total", ("bound", "edge")] == 0
    assert found["natya_edge_requests_under_way",] == 0
    assert found["natya_edge_connected",] == 1
    assert key not in text
    assert "livez" not in text
    for name in {family.name for family in text_string_to_metric_families(text) if family.name.startswith("natya_edge_")}:
        assert re.search(rf"`{name}(_total)?`", PAGE), name
