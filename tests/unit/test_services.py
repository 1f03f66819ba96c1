"""A node answers the NATS service protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from natya import StatelessActor, query
from natya.manifest import Definition
from natya.memory import MemoryRegistry, MemorySnapshots, SeededIds
from natya.ports.bus import NoResponders
from natya.runtime.world import World
from natya.services import answer_services
from natya.settings import Settings
from natya.telemetry import Telemetry
from natya.telemetry.events import HandlerFailed, QueryFinished, TurnFinished
from natya.telemetry.metrics import Metrics
from natya_actors.account import Account
from support.memory_world import MemoryWorld, memory_world
from support.world import eventually


class Clerk(StatelessActor):
    """Says what day it is."""

    @query
    async def day(self) -> str:
        """The day."""
        return "Monday"


DEFINITIONS = [Definition.of(Account), Definition.of(Clerk)]


@pytest.fixture
async def memory() -> AsyncIterator[MemoryWorld]:
    async with memory_world() as memory:
        yield memory


def world_of(memory: MemoryWorld, node: str = "worker.1") -> World:
    return World(
        settings=Settings(node=node, namespace=memory.subjects.namespace),
        subjects=memory.subjects,
        clock=memory.clock,
        ids=SeededIds(2),
        telemetry=Telemetry(),
        bus=memory.home,
        journal=memory.journal,
        mail=memory.mail,
        cluster=memory.registry,
        kinds=MemoryRegistry(memory.home, memory.subjects.kinds_bucket),
        snapshots=MemorySnapshots(),
    )


async def ask(world: World, subject: str) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads((await world.bus.request(subject, b"", timeout=1.0)).data)
    return answer


@pytest.mark.parametrize("verb", ["PING", "INFO", "STATS"])
@pytest.mark.parametrize("who", ["", ".natya", ".natya.worker_1"])
async def test_each_verb_is_answered_to_all_to_the_service_and_to_the_instance(
    verb: str, who: str, memory: MemoryWorld
) -> None:
    world = world_of(memory)
    async with answer_services(world, DEFINITIONS, Metrics("n1")):
        answer = await ask(world, f"$SRV.{verb}{who}")
    assert answer["type"] == f"io.nats.micro.v1.{verb.lower()}_response"
    assert (answer["name"], answer["id"]) == ("natya", "worker_1")
    assert answer["metadata"] == {"node": "worker.1"}


async def test_others_are_not_answered_for_and_nobody_is_after_the_end(memory: MemoryWorld) -> None:
    world = world_of(memory)
    async with answer_services(world, DEFINITIONS, Metrics("n1")):
        for subject in ("$SRV.PING.other", "$SRV.PING.natya.other"):
            with pytest.raises(NoResponders):
                await ask(world, subject)
    with pytest.raises(NoResponders):
        await ask(world, "$SRV.PING")


async def test_every_node_answers(memory: MemoryWorld) -> None:
    first, second = world_of(memory, "a"), world_of(memory, "b")
    heard: list[str] = []
    await memory.home.subscribe("inbox", lambda delivery: heard.append(orjson.loads(delivery.data)["id"]))
    async with answer_services(first, DEFINITIONS, Metrics("a")), answer_services(second, DEFINITIONS, Metrics("b")):
        memory.home.publish("$SRV.PING.natya", b"", reply="inbox")
        await eventually(lambda: len(heard) == 2)
    assert sorted(heard) == ["a", "b"]


async def test_the_endpoints_are_the_kinds_where_they_are_asked(memory: MemoryWorld) -> None:
    world = world_of(memory)
    async with answer_services(world, DEFINITIONS, Metrics("n1")):
        info = await ask(world, "$SRV.INFO.natya")
    account, clerk = info["endpoints"]
    assert account["name"] == "account"
    assert account["subject"] == "natya.ask.account.>"
    assert account["queue_group"] == "router"
    assert account["metadata"]["methods"] == "balance,deposit,withdraw"
    assert account["metadata"]["stateless"] == "false"
    assert clerk["metadata"]["stateless"] == "true"
    assert all(isinstance(value, str) for value in account["metadata"].values())


async def test_stats_are_what_the_handlers_did_in_nanoseconds(memory: MemoryWorld) -> None:
    metrics = Metrics("n1")
    world = replace(world_of(memory), telemetry=Telemetry(metrics))
    async with answer_services(world, DEFINITIONS, metrics):
        world.telemetry.raise_event(TurnFinished("account", "deposit", "ok", 0.25))
        world.telemetry.raise_event(TurnFinished("account", "deposit", "failed", 0.5))
        world.telemetry.raise_event(QueryFinished("account", "balance", "ok", 0.25))
        world.telemetry.raise_event(HandlerFailed("account", "alice", "deposit", "e-1", ValueError("a secret")))
        stats = await ask(world, "$SRV.STATS.natya")
    account, clerk = stats["endpoints"]
    assert (account["num_requests"], account["num_errors"]) == (3, 1)
    assert account["processing_time"] == 1_000_000_000
    assert account["average_processing_time"] == 333_333_333
    assert account["last_error"] == "ValueError in deposit, error id e-1"
    assert (clerk["num_requests"], clerk["average_processing_time"], clerk["last_error"]) == (0, 0, "")
    assert stats["started"] == "2023-11-14T22:13:20.000Z"


async def test_it_waits_for_a_connection_that_is_lost_at_the_start(memory: MemoryWorld) -> None:
    world = world_of(memory)
    memory.home.disconnect()
    entered = asyncio.Event()

    async def serve() -> None:
        async with answer_services(world, DEFINITIONS, Metrics("n1")):
            entered.set()
            await ask(world, "$SRV.PING")

    serving = asyncio.create_task(serve())
    await memory.clock.advance(1.0)
    assert not entered.is_set()
    memory.home.reconnect()
    await memory.clock.advance(1.0)
    await serving
