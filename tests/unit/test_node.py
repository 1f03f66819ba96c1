"""How a node begins when the store is not where the settings say."""

from __future__ import annotations

import logging

import pytest

from natya.manifest import Definition
from natya.node import open_world
from natya.settings import Settings
from natya.telemetry import Telemetry
from natya_actors import Account, Greeter


async def test_a_node_that_begins_without_the_store_says_where_it_looked_and_which_setting_it_is(
    nats_url: str, namespace: str, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(nats=nats_url, namespace=namespace, store=f"mongodb://127.0.0.1:{unused_tcp_port}")
    definitions = [Definition.of(Account), Definition.of(Greeter)]
    with caplog.at_level(logging.WARNING, "natya.node"):
        async with open_world(settings, definitions, Telemetry()):
            pass
    (line,) = [record.getMessage() for record in caplog.records if record.name == "natya.node"]
    assert line.startswith(f"account begins without the store: no server found in 2 s: 127.0.0.1:{unused_tcp_port}")
    assert "check NATYA_STORE" in line
