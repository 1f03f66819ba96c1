"""`natya.testing`: what a user's own tests rely on."""

from __future__ import annotations

import asyncio

import pytest

import natya.testing
from natya.errors import CallCycle, Invalid, Reject, UnknownKind
from natya.settings import Settings
from natya.telemetry.events import Event, TurnFinished
from natya.testing import TestPlatform, TimeStandsStill
from natya_actors import Inbox, Transfer
from natya_actors.account import Account
from natya_actors.greeter import Greeter
from support.ledger import Ledger, stage


def test_the_front_door_is_sorted_and_complete() -> None:
    assert natya.testing.__all__ == sorted(natya.testing.__all__)
    for name in natya.testing.__all__:
        assert hasattr(natya.testing, name)


def test_pytest_does_not_take_it_for_a_test() -> None:
    assert TestPlatform.__test__ is False


async def test_a_typed_call_a_query_and_a_rejection() -> None:
    async with TestPlatform(Account) as platform:
        assert (await platform.actor(Account, "alice").deposit(amount=5)).balance == 5
        assert (await platform.actor(Account, "alice").balance()).balance == 5
        assert await platform.actor("account", "alice").balance() == {"balance": 5}
        with pytest.raises(Reject, match="insufficient_funds"):
            await platform.actor(Account, "alice").withdraw(amount=6)
        with pytest.raises(Invalid):
            await platform.actor("account", "alice").deposit(amount="five")
        with pytest.raises(UnknownKind):
            await platform.actor(Inbox, "bob").received()
        assert await platform.state("account", "alice") == {"version": 1, "state": {"balance": 5}}


async def test_a_call_is_repeatable_by_its_id() -> None:
    async with TestPlatform(Account) as platform:
        for _ in range(3):
            assert (await platform.actor(Account, "alice", id="x").deposit(amount=5)).balance == 5


async def test_tells_events_and_dead_letters_are_seen_after_settle() -> None:
    async with TestPlatform(Account, Inbox) as platform:
        await platform.actor(Inbox, "bob").deliver.tell(text="hello")
        await platform.actor(Account, "alice").withdraw.tell(amount=1)
        await platform.settle()
        (event,) = platform.events
        assert (event.kind, event.key, event.name, event.payload["text"]) == ("inbox", "bob", "delivered", "hello")
        (letter,) = platform.dead_letters
        assert (letter.kind, letter.token, letter.method, letter.slug) == (
            "account", "alice", "withdraw", "insufficient_funds",
        )  # fmt: skip


async def test_a_stateless_kind() -> None:
    async with TestPlatform(Greeter) as platform:
        assert (await platform.actor(Greeter, "you").greet()).text == "Hello, you!"


async def test_what_one_message_leads_to_is_done_after_settle() -> None:
    async with TestPlatform(Account, Transfer) as platform:
        await platform.actor(Account, "alice").deposit(amount=10)
        await platform.actor(Transfer, "t").start(source="alice", target="bob", amount=4)
        await platform.settle()
        assert (await platform.actor(Account, "bob").balance()).balance == 4
        assert [event.name for event in platform.events] == ["ended"]


async def test_time_stands_still_but_for_the_test() -> None:
    async with TestPlatform(Inbox) as platform:
        await platform.actor(Inbox, "bob").deliver(text="1")
        await platform.actor(Inbox, "bob").deliver(text="2")
        await platform.clock.advance(120)
        await platform.actor(Inbox, "bob").deliver(text="3")
        third, second, first = await platform.actor(Inbox, "bob").newest()
        assert first.at == second.at
        assert (third.at - second.at).total_seconds() == 120


@pytest.mark.parametrize("nodes", [1, 3])
async def test_nothing_is_lost_in_a_crash_or_a_restart(nodes: int) -> None:
    async with TestPlatform(Account, nodes=nodes) as platform:
        for again in (platform.crash, platform.restart, platform.crash):
            for n in range(8):
                await platform.actor(Account, f"k{n}").deposit(amount=1)
            await again()
        for n in range(8):
            assert (await platform.actor(Account, f"k{n}").balance()).balance == 3


async def test_an_idle_actor_leaves_memory_and_comes_back() -> None:
    async with TestPlatform(Account, settings=Settings.model_construct(idle_after=30.0)) as platform:
        await platform.actor(Account, "alice").deposit(amount=5)
        await platform.clock.advance(60)
        assert sum(len(p.catalog) for node in platform.cluster.nodes for p in node.partitions) == 0
        assert (await platform.actor(Account, "alice").balance()).balance == 5


async def test_a_call_that_only_time_can_end_says_so_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natya.testing.platform.PATIENCE", 0.05)
    async with TestPlatform(Account) as platform:
        platform.snapshots.available = False
        with pytest.raises(TimeStandsStill, match=r"clock\.advance"):
            await platform.actor(Account, "alice").balance()
        platform.snapshots.available = True
        await platform.clock.advance(5)
        assert (await platform.actor(Account, "alice").balance()).balance == 0


async def test_settle_does_not_wait_for_ever_and_says_for_what() -> None:
    async with stage() as held, TestPlatform(Ledger) as platform:
        held.gates["x"].clear()
        await platform.actor(Ledger, "a").write_slowly.tell(line="x")
        with pytest.raises(TimeoutError, match="mail"):
            await platform.settle(limit=2)
        held.gates["x"].set()
        await platform.settle()


async def test_a_handler_that_waits_for_something_else_than_the_clock() -> None:
    async with stage() as held, TestPlatform(Ledger) as platform:
        call = asyncio.create_task(platform.actor(Ledger, "a").write_slowly(line="x"))
        await platform.clock.settle()
        assert not call.done()
        held.gates["x"].set()
        assert await call == 1


async def test_errors_of_the_actors_code_arrive_as_they_do_in_production() -> None:
    async with stage() as held, TestPlatform(Ledger) as platform:
        held.gates["a"].set()
        with pytest.raises(CallCycle):
            await platform.actor(Ledger, "a").relay(path=["a"], line="x")


async def test_hooks_hear_telemetry_and_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_NAMESPACE", "elsewhere")
    monkeypatch.setenv("NATYA_MAILBOX_LIMIT", "not a number")
    seen: list[Event] = []
    async with TestPlatform(Account, hooks=[seen.append]) as platform:
        await platform.actor(Account, "alice").deposit(amount=5)
        assert [event.method for event in seen if isinstance(event, TurnFinished)] == ["deposit"]


async def test_one_seed_gives_one_history() -> None:
    async def history(seed: int) -> list[str]:
        seen: list[str] = []
        async with TestPlatform(
            Account, Inbox, nodes=2, seed=seed, hooks=[lambda event: seen.append(repr(event))]
        ) as platform:
            for n in range(5):
                await platform.actor(Inbox, f"k{n}").deliver.tell(text="x")
            await platform.settle()
            return list(seen)

    first = await history(7)
    assert first == await history(7)
    assert first != await history(8)
