"""``natya.tell``: stored before the ack, run once, in order per key."""

from __future__ import annotations

import asyncio

import pytest
from nats.errors import NoRespondersError
from nats.js.errors import NoStreamResponseError

from support.bare_client import Bare, first_attempt, new_id, now, partition_of
from support.waiting import until


async def entries(bare: Bare, key: str, number: int) -> list[str]:
    """The entries of a ledger once it has this many."""

    async def probe() -> list[str]:
        found: list[str] = (await bare.ask("ledger", key, "entries")).result
        return found

    return await until(probe, lambda found: len(found) >= number)


async def test_a_tell_by_jetstream_publish_is_acknowledged_when_it_is_stored(bare: Bare, key: str) -> None:
    ack = await bare.tell("ledger", key, "enter", {"entry": "a"})
    assert ack.stream == "natya_mail_ledger"
    stored = await bare.js.get_msg(ack.stream, ack.seq)
    assert (stored.subject, stored.data) == (f"natya.mail.ledger.{partition_of(key, 4)}.{key}.enter", b'{"entry": "a"}')
    assert await entries(bare, key, 1) == ["a"]


async def test_a_tell_by_core_publish_runs_too(bare: Bare, key: str) -> None:
    await bare.connection.publish(f"natya.tell.ledger.{key}.enter", b'{"entry":"a"}')
    assert await entries(bare, key, 1) == ["a"]


async def test_a_request_on_a_tells_subject_is_answered_by_the_streams_ack(bare: Bare, key: str) -> None:
    reply = await bare.request(f"natya.tell.ledger.{key}.enter", {"entry": "a"})
    assert reply.json["stream"] == "natya_mail_ledger"
    assert await entries(bare, key, 1) == ["a"]


async def test_tells_of_one_key_run_in_the_order_in_which_they_were_stored(bare: Bare, key: str) -> None:
    acks = await asyncio.gather(*(bare.tell("ledger", key, "enter", {"entry": str(n)}) for n in range(200)))
    order = sorted(range(200), key=lambda n: acks[n].seq)
    assert await entries(bare, key, 200) == [str(n) for n in order]


async def test_a_slow_tell_holds_the_later_ones_of_its_key_and_no_others(bare: Bare, key: str) -> None:
    await bare.tell("ledger", key, "enter_slowly", {"entry": "slow", "seconds": 1})
    await bare.tell("ledger", key, "enter", {"entry": "after"})
    other = next(f"{key}-{n}" for n in range(100) if partition_of(f"{key}-{n}", 4) == partition_of(key, 4))
    await bare.tell("ledger", other, "enter", {"entry": "other"})
    assert await entries(bare, other, 1) == ["other"]
    assert (await bare.ask("ledger", key, "entries")).result == []
    assert await entries(bare, key, 2) == ["slow", "after"]


async def test_a_tell_with_the_same_nats_msg_id_is_stored_once(bare: Bare, key: str) -> None:
    id = new_id()
    headers = first_attempt(id) | {"Nats-Msg-Id": f"{key}/{id}"}
    first = await bare.tell("ledger", key, "enter", {"entry": "a"}, headers)
    second = await bare.tell("ledger", key, "enter", {"entry": "a"}, headers)
    assert second.duplicate
    assert second.seq == first.seq
    await bare.tell("ledger", key, "enter", {"entry": "b"})
    assert await entries(bare, key, 2) == ["a", "b"]


async def test_a_tell_with_the_same_natya_id_is_stored_twice_and_runs_once(bare: Bare, key: str) -> None:
    headers = first_attempt()
    first = await bare.tell("ledger", key, "enter", {"entry": "a"}, headers)
    second = await bare.tell("ledger", key, "enter", {"entry": "a"}, headers | {"Natya-Attempt": "2"})
    assert second.seq > first.seq
    await bare.tell("ledger", key, "enter", {"entry": "b"})
    assert await entries(bare, key, 2) == ["a", "b"]


async def test_an_ask_and_a_tell_under_one_id_take_effect_once(bare: Bare, key: str) -> None:
    headers = first_attempt()
    assert (await bare.ask("ledger", key, "enter", {"entry": "a"}, headers)).result == {"count": 1}
    await bare.tell("ledger", key, "enter", {"entry": "a"}, headers)
    await bare.tell("ledger", key, "enter", {"entry": "b"})
    assert await entries(bare, key, 2) == ["a", "b"]


@pytest.mark.parametrize("rest", ["a.b.enter", "a", "a.enter.now"])
async def test_a_malformed_tell_is_not_stored_and_its_sender_knows(bare: Bare, rest: str) -> None:
    with pytest.raises(NoStreamResponseError):
        await bare.js.publish(f"natya.tell.ledger.{rest}", b"{}", timeout=5)


async def test_a_tell_to_a_kind_that_was_never_deployed_is_not_stored(bare: Bare, key: str) -> None:
    with pytest.raises((NoStreamResponseError, NoRespondersError)):
        await bare.tell("nobody", key, "enter", {})


@pytest.mark.parametrize("header", ["Nats-Rollup"])
async def test_a_tell_that_would_roll_up_its_kinds_mail_is_refused(bare: Bare, key: str, header: str) -> None:
    reply = await bare.request(f"natya.tell.ledger.{key}.enter", {"entry": "a"}, {header: "all"})
    assert reply.json["error"]["err_code"] == 10111


async def test_a_tell_made_in_a_turn_leaves_with_its_commit(bare: Bare, key: str) -> None:
    tell = {"kind": "ledger", "key": key, "method": "enter", "parameters": {"entry": "from a turn"}}
    await bare.ask("nasty", key, "pass_on", tell)
    assert await entries(bare, key, 1) == ["from a turn"]


async def test_a_tell_made_in_a_turn_has_an_id_from_its_place_in_the_journal(bare: Bare, key: str) -> None:
    tell = {"kind": "ledger", "key": key, "method": "enter", "parameters": {"entry": "from a turn"}}
    heard = await bare.connection.subscribe(f"natya.tell.ledger.{key}.enter")
    await bare.connection.flush()
    await bare.ask("nasty", key, "pass_on", tell)
    headers = (await heard.next_msg(20)).headers
    assert headers is not None
    kind, partition, sequence, turn, number = headers["Natya-Id"].split(".")
    assert (kind, int(partition), number) == ("nasty", partition_of(key, 4), "0")
    record = next(r for r in await bare.records("nasty", int(partition)) if r["sequence"] == int(sequence))
    assert record["turns"][int(turn)]["key"] == key
    assert headers["Nats-Msg-Id"] == f"{key}/{headers['Natya-Id']}"
    assert abs(int(headers["Natya-Sent"]) - now()) < 30_000


async def test_a_tell_and_an_event_of_a_turn_that_fails_never_leave(bare: Bare, key: str) -> None:
    tell = {"kind": "ledger", "key": key, "method": "enter", "parameters": {"entry": "a lie"}}
    events: list[str] = []

    async def note(message: object) -> None:
        events.append(str(message))

    subscription = await bare.connection.subscribe(f"natya.event.nasty.{key}.>", cb=note)
    await bare.connection.flush()
    assert (await bare.ask("nasty", key, "pass_on_and_fail", tell)).outcome == (500, "internal")
    await bare.ask("nasty", key, "pass_on", tell | {"parameters": {"entry": "the truth"}})
    assert await entries(bare, key, 1) == ["the truth"]
    assert events == []
    await subscription.unsubscribe()


async def test_a_reply_to_a_tell_is_published_after_its_commit(bare: Bare, key: str) -> None:
    inbox = bare.connection.new_inbox()
    replies = await bare.connection.subscribe(inbox)
    await bare.connection.flush()
    await bare.tell("account", key, "deposit", {"amount": 5}, {"Natya-Reply-To": inbox})
    await bare.tell("account", key, "withdraw", {"amount": 9}, {"Natya-Reply-To": inbox})
    first = await replies.next_msg(20)
    second = await replies.next_msg(20)
    assert (first.data, first.headers) == (b'{"balance":5}', None)
    assert second.headers is not None
    assert second.headers["Nats-Service-Error"] == "insufficient_funds"
    records = await bare.records("account", partition_of(key, 16))
    assert [t["v"] for record in records for t in record.get("turns", []) if t["key"] == key] == [1, 1]


async def test_the_mail_that_is_done_is_forgotten(bare: Bare, key: str) -> None:
    await bare.tell("ledger", key, "enter", {"entry": "a"})
    await entries(bare, key, 1)
    await until(
        lambda: bare.stored("natya_mail_ledger", f"natya.mail.ledger.*.{key}.enter"), lambda stored: not stored, limit=30
    )
