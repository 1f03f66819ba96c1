"""The store is asked when somebody asks, by one question at a time, and nobody waits long for a store that is silent."""

from __future__ import annotations

import asyncio

import pytest

from natya.clock import SystemClock
from natya.memory import MemoryStore
from natya.ports.store import StoreReport
from natya_edge import readiness
from natya_edge.gateway import Gateway
from natya_edge.readiness import Readiness


class AskedStore(MemoryStore):
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers = asyncio.Event()

    async def check(self) -> StoreReport:
        self.asked += 1
        await self.answers.wait()
        return await super().check()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE", 0.05)


async def test_many_who_ask_are_one_question(gateway: Gateway) -> None:
    store = AskedStore()
    store.answers.set()
    ready = Readiness(gateway, store, SystemClock())
    assert set(await asyncio.gather(*(ready.trouble() for _ in range(20)))) == {""}
    assert await ready.trouble() == ""
    assert store.asked == 1


@pytest.mark.usefixtures("short")
async def test_a_silent_store_is_away_until_it_answers_and_is_asked_no_second_time(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH", 0.0)
    store = AskedStore()
    ready = Readiness(gateway, store, SystemClock())
    for _ in range(3):
        assert await ready.trouble() == "the store does not answer"
    assert store.asked == 1
    store.answers.set()
    await asyncio.sleep(0)
    assert await ready.trouble() == ""


async def test_the_platform_goes_first(gateway: Gateway) -> None:
    store = AskedStore()
    gateway.draining = True
    assert await Readiness(gateway, store, SystemClock()).trouble() == "the edge is ending"
    assert store.asked == 0


@pytest.mark.usefixtures("short")
async def test_a_glance_waits_for_nothing_and_goes_by_the_last_answer(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH", 0.0)
    store = AskedStore()
    ready = Readiness(gateway, store, SystemClock())
    assert ready.glance(), "nothing is known yet"
    await asyncio.sleep(0.06)
    assert not ready.glance(), "silent"
    store.answers.set()
    await asyncio.sleep(0.01)
    assert ready.glance()
    store.reachable = False
    ready.glance()
    await asyncio.sleep(0.01)
    assert not ready.glance()
    gateway.draining = True
    assert not ready.glance()
