"""What can go wrong with states, queries and calls between actors (scenarios 36 to 43)."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from pydantic import BaseModel

from natya import Actor, command, query
from natya.errors import CallCycle, Internal, NatyaError, Unavailable
from natya.memory.subject import matches
from natya.message import ID, SENT, Answer, Delivery
from natya.telemetry.events import Event, JournalLost
from natya.testing import TestPlatform
from natya_actors import Transfer
from natya_actors.account import Account
from support.ledger import Ledger, Other, Stage
from support.protocol import attempt, result, started
from support.trouble import HeldSnapshots, Trouble

JOURNAL = "natya.journal.ledger.0"


async def test_a_query_during_a_turn_that_awaits_between_two_changes_sees_the_state_before(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        turn = await started(platform, platform.actor(Ledger, "a").write_slowly(line="y"))
        assert await platform.actor(Ledger, "a").read() == ["x"]
        assert (await platform.state("ledger", "a"))["state"] == {"lines": ["x"]}
        stage.gates["y"].set()
        assert await turn == 2
        assert await platform.actor(Ledger, "a").read() == ["x", "y"]


async def test_a_query_that_itself_awaits_sees_one_whole_turn(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        slow = await started(platform, platform.actor(Ledger, "a").read_slowly(gate="q"))
        await platform.actor(Ledger, "a").write(line="y")
        stage.gates["q"].set()
        assert await slow == ["x"]


async def test_a_query_of_an_uncommitted_turn_waits_for_the_commit(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        trouble.delay_sent("node1", JOURNAL, 1.0, 1)
        turn = await started(platform, platform.actor(Ledger, "a").write(line="y"))
        reads = [await started(platform, platform.actor(Ledger, "a").read())]
        stage.gates["q"].set()
        reads.append(await started(platform, platform.actor(Ledger, "a").read_slowly(gate="q")))
        assert not any(read.done() for read in reads)
        await platform.clock.advance(1.5)
        assert [await read for read in reads] == [["x", "y"]] * 2
        assert await turn == 2


async def test_a_turn_that_asks_and_crashes_asks_again_under_the_same_id_and_time(stage: Stage) -> None:
    async with TestPlatform(Ledger, Other) as platform:
        heard: list[Delivery] = []
        await platform.bus.subscribe("natya.call.other.0.target.write", heard.append)
        await platform.actor(Ledger, "a", id="m1").forward.tell(to="target", line="x")
        await platform.clock.settle()
        assert await platform.actor(Other, "target").read() == ["x"]
        await platform.crash()
        stage.gates["x"].set()
        await platform.settle()
        asks = {(delivery.headers[ID], delivery.headers[SENT]) for delivery in heard}
        assert len(heard) >= 2
        assert len(asks) == 1
        assert await platform.actor(Other, "target").read() == ["x"]
        assert await platform.actor(Ledger, "a").read() == ["x>target"]


async def test_a_turn_whose_beginning_lies_before_the_checkpoint_asks_again_under_the_same_time(stage: Stage) -> None:
    async with TestPlatform(Ledger, Other) as platform:
        heard: list[Delivery] = []
        await platform.bus.subscribe("natya.call.other.0.target.write", heard.append)
        await platform.actor(Ledger, "a", id="m1").forward.tell(to="target", line="x")
        await platform.clock.advance(5)
        await platform.crash()
        (partition,) = (p for node in platform.cluster.nodes for p in node.partitions if p.definition.kind == "ledger")
        assert partition.header()[0] > 1, "there was a checkpoint meanwhile"
        stage.gates["x"].set()
        await platform.settle()
        assert len(heard) >= 2
        assert len({delivery.headers[SENT] for delivery in heard}) == 1
        assert await platform.actor(Other, "target").read() == ["x"]


async def test_a_transfer_moves_its_amount_once_whatever_dies() -> None:
    async with TestPlatform(Account, Transfer) as platform:
        await platform.actor(Account, "a").deposit(amount=100)
        await platform.actor(Transfer, "t").start(source="a", target="b", amount=30)
        for _ in range(3):
            await platform.crash()
        await platform.settle()
        assert (await platform.actor(Account, "a").balance()).balance == 70
        assert (await platform.actor(Account, "b").balance()).balance == 30
        assert (await platform.actor(Transfer, "t").status()).phase == "done"
        assert len(platform.events) == 1


async def test_two_actors_that_ask_each_other_are_refused_and_do_not_wait_for_the_deadline(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        one = await started(platform, platform.actor(Ledger, "x").relay(path=["y"], line="1"))
        two = await started(platform, platform.actor(Ledger, "y").relay(path=["x"], line="2"))
        began = platform.clock.boottime()
        stage.gates["x"].set()
        stage.gates["y"].set()
        await platform.clock.settle()
        outcomes = await asyncio.gather(one, two, return_exceptions=True)
        assert platform.clock.boottime() == began
        refused = [outcome for outcome in outcomes if isinstance(outcome, CallCycle)]
        assert len(refused) == 1, "the other one goes through"
        assert set(refused[0].extra["actors"]) == {"ledger/x", "ledger/y"}


async def test_a_call_that_comes_back_to_its_own_chain_is_refused(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        for key in "xyz":
            stage.gates[key].set()
        with pytest.raises(CallCycle, match="ledger/x"):
            await platform.actor(Ledger, "x").relay(path=["y", "z", "x"], line="1")
        with pytest.raises(CallCycle):
            await platform.actor(Ledger, "x").relay(path=["x"], line="1")


async def test_a_journal_restored_from_an_older_copy_stops_the_partition(stage: Stage) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, hooks=[seen.append]) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        await platform.clock.advance(2)
        stream = platform.cluster.broker.stream("natya_journal_ledger_0")
        assert stream is not None
        copy = list(stream._messages)
        for n in range(50):
            await platform.actor(Ledger, "a").write(line=f"{n}")
        await platform.clock.advance(2)
        before = await platform.snapshots.load("ledger", ["a"])
        await platform.cluster.crash(platform.cluster.nodes[0])
        stream._messages = copy
        stream._newest = {JOURNAL: copy[-1]}
        stream._last = copy[-1].sequence
        platform.cluster.start_node()
        await platform.cluster.ready()
        call = await started(platform, attempt(platform, "ledger", "a", "write", id="m9", line="lost?"))
        await platform.clock.advance(1)
        first = stream.read(">")[0].sequence
        with pytest.raises(NatyaError, match=r"moved|unavailable"):
            raise (await call).error()
        assert [event for event in seen if isinstance(event, JournalLost)]
        told = await attempt(platform, "ledger", "a", "write", id="m9", line="lost?")
        assert result(told) == Unavailable.slug
        assert b"journal_lost" in told.body
        await platform.clock.advance(60)
        assert await platform.snapshots.load("ledger", ["a"]) == before, "nothing is overwritten"
        assert stream.read(">")[0].sequence == first, "nothing is trimmed"
        patient = await started(platform, platform.actor(Ledger, "a", timeout=8).write(line="again"))
        await platform.clock.advance(10)
        with pytest.raises(Unavailable, match="journal_lost"):
            await patient


async def test_a_store_that_is_away_loses_no_acknowledged_turn(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        platform.snapshots.available = False
        for n in range(50):
            await platform.actor(Ledger, "a").write(line=f"{n}")
            await platform.clock.advance(0.2)
        await platform.crash()
        assert await platform.actor(Ledger, "a").read() == ["x", *(f"{n}" for n in range(50))]
        absent = await started(platform, platform.actor(Ledger, "b", timeout=3).read())
        await platform.clock.advance(4)
        with pytest.raises(NatyaError) as caught:
            await absent
        assert caught.value.code in (503, 504)
        platform.snapshots.available = True
        await platform.clock.advance(5)
        assert await platform.actor(Ledger, "b").read() == []


async def test_a_write_that_was_not_acknowledged_but_done_is_written_again_and_harms_nothing(stage: Stage) -> None:
    class Forgetful(HeldSnapshots):
        failing = True

        async def write(self, kind: str, snapshots: object) -> object:  # type: ignore[override]
            written = await super().write(kind, snapshots)  # type: ignore[arg-type]
            if self.failing:
                self.available = False
                self._reach()
            return written

    snapshots = Forgetful()
    async with TestPlatform(Ledger, snapshots=snapshots) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        await platform.clock.advance(1)
        assert snapshots.written
        await platform.actor(Ledger, "a").write(line="y")
        snapshots.failing, snapshots.available = False, True
        await platform.clock.advance(6)
        (partition,) = platform.cluster.nodes[0].partitions
        assert partition.unwritten.oldest is None
        assert orjson.loads((await platform.snapshots.load("ledger", ["a"]))["a"].state or b"") == {"lines": ["x", "y"]}


class Numbers(BaseModel):
    whole: int = 0
    real: float = 0.0


class Risky(Actor[Numbers], partitions=1):
    @command
    async def put(self, whole: str, real: str) -> None:
        self.state.whole = int(whole)
        self.state.real = float(real)

    @query
    async def get(self) -> Numbers:
        return self.state


@pytest.mark.parametrize(("whole", "real"), [("1", "nan"), ("1", "inf"), (str(2**70), "1")])
async def test_a_state_that_cannot_be_stored_is_refused_in_its_own_turn(whole: str, real: str) -> None:
    async with TestPlatform(Risky) as platform:
        await platform.actor(Risky, "a").put(whole="7", real="0.5")
        calls = [platform.actor(Risky, "b").put(whole="1", real="1"), platform.actor(Risky, "a").put(whole=whole, real=real)]
        good, bad = await asyncio.gather(*calls, return_exceptions=True)
        assert good is None
        assert isinstance(bad, Internal)
        assert await platform.actor(Risky, "a").get() == Numbers(whole=7, real=0.5)
        await platform.crash()
        assert await platform.actor(Risky, "a").get() == Numbers(whole=7, real=0.5)


@pytest.mark.parametrize("token", ["%61", "al%69ce", "a%2eb", "a%2Eb%"])
async def test_another_spelling_of_a_key_is_refused_and_no_other_actor(stage: Stage, token: str) -> None:
    async with TestPlatform(Ledger) as platform:
        headers = {ID: "m1", SENT: str(platform.clock.now_ms())}
        for subject in (f"natya.ask.ledger.{token}.write", f"natya.call.ledger.0.{token}.write"):
            answer = Answer.read(await platform.bus.request(subject, b'{"line":"x"}', headers, timeout=1))
            assert answer.slug == "invalid"
        await platform.bus.store(f"natya.tell.ledger.{token}.write", b'{"line":"x"}', timeout=1)
        await platform.settle()
        assert [letter.slug for letter in platform.dead_letters] == ["invalid"]
        assert stage.runs["x"] == 0
        assert matches(["natya", "dead", "*", "*", "*"], platform.cluster.broker.dead_letters[0].subject.split("."))
