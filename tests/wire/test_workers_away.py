"""Workers that are not there yet, not any more, or with other code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nats.errors import NoRespondersError

from natya.errors import ConfigurationError
from support.bare_client import bare_client, first_attempt, new_id, partition_of
from support.cluster import Cluster
from support.waiting import until

pytestmark = pytest.mark.slow  # each starts a cluster of its own, and some wait for a lease to end

LATER = "support.actors_of_later"


async def test_a_tell_is_stored_while_no_worker_is_up_and_runs_when_one_is(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        (worker,) = cluster.workers
        assert (await bare.ask("ledger", "a", "enter", {"entry": "first"})).result == {"count": 1}
        await worker.stop()
        with pytest.raises(NoRespondersError):
            await bare.ask("ledger", "a", "entries")
        for number in range(5):
            assert (await bare.tell("ledger", "a", "enter", {"entry": f"t{number}"})).seq > 0
        await bare.connection.publish("natya.tell.ledger.a.enter", b'{"entry":"core"}')
        await bare.connection.flush()
        await worker.start()

        async def entries() -> list[str]:
            found: list[str] = (await bare.insist("ledger", "a", "entries")).result
            return found

        expected = ["first", "t0", "t1", "t2", "t3", "t4", "core"]
        assert await until(entries, lambda found: len(found) >= 7) == expected


async def test_an_id_is_known_after_its_worker_was_killed(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        (worker,) = cluster.workers
        done, refused, told = first_attempt(), first_attempt(), first_attempt()
        first = await bare.ask("account", "a", "deposit", {"amount": 5}, done)
        no = await bare.ask("account", "a", "withdraw", {"amount": 50}, refused)
        await bare.tell("account", "a", "deposit", {"amount": 100}, told)
        await until(lambda: bare.insist("account", "a", "balance"), lambda reply: reply.result["balance"] == 105)
        await worker.kill()
        await worker.start()
        second = {"Natya-Attempt": "2"}
        assert (await bare.ask("account", "a", "deposit", {"amount": 5}, done | second)).body == first.body
        again = await bare.ask("account", "a", "withdraw", {"amount": 50}, refused | second)
        assert (again.outcome, again.json) == (no.outcome, no.json)
        assert (await bare.ask("account", "a", "deposit", {"amount": 100}, told | second)).result == {"balance": 105}
        await bare.tell("account", "a", "deposit", {"amount": 100}, told | second)
        assert (await bare.ask("account", "a", "deposit", {"amount": 6}, done | second)).outcome == (422, "id_reused")
        assert (await bare.ask("account", "a", "deposit", {"amount": 1})).result == {"balance": 106}


async def test_a_turn_that_died_between_its_ask_and_its_commit_asks_once(tmp_path: Path) -> None:
    """The second run of the turn asks under the id of the first."""
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        (worker,) = cluster.workers
        slowly = {"entry": "once", "seconds": 2.0}
        ask = {"kind": "ledger", "key": "b", "method": "enter_slowly", "parameters": slowly}
        id = new_id()
        headers = first_attempt(id)
        await bare.connection.publish("natya.ask.nasty.a.ask_other", json.dumps(ask).encode(), headers=headers)

        async def started() -> bool:
            return any("starts" in record for record in await bare.records("nasty", partition_of("a", 4)))

        await until(started)
        await worker.kill()
        await worker.start()
        reply = await bare.ask("nasty", "a", "ask_other", ask, headers | {"Natya-Attempt": "2"}, timeout=30)
        assert reply.result == {"count": 1}
        assert (await bare.ask("ledger", "b", "entries")).result == ["once"]
        assert (await bare.ask("nasty", "a", "turns")).result == {"turns": 1}


async def test_a_later_schema_lifts_what_an_earlier_one_stored_and_not_the_other_way(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        (old,) = cluster.workers
        assert (await bare.ask("profile", "ada", "rename", {"name": "Ada Lovelace"})).result == "Ada Lovelace"
        assert (await bare.ask("profile", "ada", "name")).result == "Ada Lovelace"
        await old.stop()
        new = cluster.new_worker("worker-2", app=LATER)
        cluster.workers.append(new)
        await new.start()
        assert (await bare.ask("profile", "ada", "name")).result == "Lovelace, Ada"
        assert (await bare.ask("profile", "ada", "rename", {"name": "Augusta King"})).result == "Augusta King"
        await new.stop()
        await old.start()
        reply = await bare.ask("profile", "ada", "name", headers={}, timeout=60)
        assert reply.code, "an earlier schema must not read what a later one has stored"
        assert "schema" in reply.json["detail"]
        await new.start()
        assert (await bare.ask("profile", "grace", "rename", {"name": "Grace Hopper"})).result == "Grace Hopper"


async def test_a_kind_with_another_number_of_partitions_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "other_partitions.py").write_text(
        "from natya import Actor, command\nfrom pydantic import BaseModel\n"
        "class S(BaseModel):\n    n: int = 0\n"
        "class Ledger(Actor[S], partitions=8):\n    '''Other.'''\n    @command\n    async def enter(self) -> None: ...\n"
    )
    async with Cluster(tmp_path, workers=1) as cluster:
        wrong = cluster.new_worker("wrong", app="other_partitions", PYTHONPATH=str(tmp_path))
        with pytest.raises(ConfigurationError, match=r"4 partitions .* wants 8"):
            await wrong.start()
