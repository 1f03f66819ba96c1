"""On three servers: copies, and readers whose server is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.pull import HEARTBEAT, Broken, Pull, open_pull
from natya.jetstream.requests import NoAnswer, api
from natya.settings import Settings
from natya_ops.servers import NatsServer, nats_cluster
from support.waiting import until

STREAM, SUBJECT = "natya_mail_account", "natya.mail.account.0.*.*"


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[list[NatsServer]]:
    async with AsyncExitStack() as stack:
        three = nats_cluster(tmp_path)
        await asyncio.gather(*(stack.enter_async_context(server) for server in three))
        yield three


def settings(server: NatsServer, replicas: int) -> Settings:
    return Settings(_env_file=None, nats=server.url, replicas=replicas)


async def ensure(server: NatsServer, replicas: int) -> dict[str, dict[str, Any]]:
    """The configurations of all streams, by their names, after a node with so many replicas has started."""
    async with open_jetstream(settings(server, replicas), name="test") as jetstream:
        await jetstream.ensure_platform()
        await jetstream.ensure_kind("account", 1)
        # A stream whose copies have no leader yet is missing in the list.
        listed = await until(
            lambda: api(jetstream.connection, "STREAM.LIST"), lambda list: 0 < list["total"] == len(list["streams"] or ())
        )
        return {stream["config"]["name"]: stream["config"] for stream in listed["streams"]}


async def consumer(jetstream: JetStream, name: str) -> dict[str, Any]:
    try:
        return await api(jetstream.connection, f"CONSUMER.INFO.{STREAM}.{name}", timeout=1)
    except NoAnswer:
        return {}


@pytest.mark.slow
async def test_copies_are_added_to_every_stream_and_bucket_and_never_taken_away(
    servers: list[NatsServer], caplog: pytest.LogCaptureFixture
) -> None:
    made = await ensure(servers[0], 1)
    assert len(made) == 6
    assert {config["num_replicas"] for config in made.values()} == {1}
    assert {config["num_replicas"] for config in (await ensure(servers[0], 3)).values()} == {3}
    with caplog.at_level(logging.WARNING, "natya.jetstream"):
        assert {config["num_replicas"] for config in (await ensure(servers[0], 1)).values()} == {3}
    assert sum("has 3 copies, NATYA_REPLICAS says 1: they stay" in message for message in caplog.messages) == len(made)


@pytest.mark.slow
async def test_a_pass_whose_consumer_was_on_a_lost_server_breaks_at_once_and_can_be_made_again(
    servers: list[NatsServer],
) -> None:
    loop = asyncio.get_running_loop()
    await ensure(servers[0], 3)
    async with open_jetstream(settings(servers[0], 3), name="test") as jetstream:
        passes: dict[str, Pull] = {}
        while len(passes) < len(servers):
            passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=1)
            passes.setdefault((await consumer(jetstream, passing._name))["cluster"]["leader"], passing)
        waiting = {name: asyncio.create_task(passing.next(1)) for name, passing in passes.items()}
        await asyncio.sleep(0)
        lost = servers[2]
        began = loop.time()
        await lost.kill()
        with pytest.raises(Broken, match="503"):
            await waiting.pop(lost.server_name)
        assert loop.time() - began < HEARTBEAT
        assert not any(task.done() for task in waiting.values())

        async def again() -> Pull | None:
            try:
                passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=1)
            except Broken:
                return None
            return passing

        new = await until(again)
        assert new is not None
        for passing in (new, *passes.values()):
            passing.close()
        await asyncio.gather(*waiting.values(), return_exceptions=True)
