"""``natya.ask`` and ``natya.call``: one request, one reply, from a client that knows subjects and JSON."""

from __future__ import annotations

import asyncio

import pytest
from nats.errors import NoRespondersError

from support.bare_client import Bare, first_attempt, partition_of, token_of


async def test_an_ask_needs_nothing_but_a_subject_and_a_body(bare: Bare, key: str) -> None:
    reply = await bare.connection.request(f"natya.ask.account.{key}.deposit", b'{"amount":5}', timeout=20)
    assert (reply.data, reply.headers) == (b'{"balance":5}', None)


async def test_a_query_is_asked_in_the_same_way_and_changes_nothing(bare: Bare, key: str) -> None:
    await bare.ask("account", key, "deposit", {"amount": 5})
    before = await bare.records("account", partition_of(key, 16))
    assert (await bare.ask("account", key, "balance")).result == {"balance": 5}
    after = await bare.records("account", partition_of(key, 16))
    assert [record.get("turns") for record in after if "turns" in record] == [
        record.get("turns") for record in before if "turns" in record
    ]


async def test_whatever_node_takes_the_ask_the_same_actor_answers(bare: Bare, key: str) -> None:
    balances = [(await bare.ask("account", key, "deposit", {"amount": 1})).result["balance"] for _ in range(20)]
    assert balances == list(range(1, 21))


async def test_asks_of_one_connection_are_each_answered_once_under_concurrency(bare: Bare, key: str) -> None:
    replies = await asyncio.gather(*(bare.ask("counter", key, "increment") for _ in range(200)))
    assert sorted(reply.result["value"] for reply in replies) == list(range(1, 201))


async def test_an_ask_without_an_id_is_given_one_and_each_is_an_intention_of_its_own(bare: Bare, key: str) -> None:
    for _ in range(2):
        await bare.ask("counter", key, "increment")
    records = await bare.records("counter", partition_of(key, 4))
    ids = [turn["id"] for record in records for turn in record.get("turns", []) if turn["key"] == key]
    assert len(ids) == len(set(ids)) == 2
    assert all(ids)


async def test_an_empty_body_stands_for_no_parameters(bare: Bare, key: str) -> None:
    assert (await bare.ask("counter", key, "increment", b"")).result == {"value": 1}
    assert (await bare.ask("counter", key, "increment", b"{}")).result == {"value": 2}


async def test_a_call_goes_straight_to_the_owner(bare: Bare, key: str) -> None:
    reply = await bare.call("account", key, "deposit", {"amount": 5}, first_attempt())
    assert reply.result == {"balance": 5}
    assert (await bare.call("account", key, "balance")).result == {"balance": 5}


async def test_a_call_of_a_command_without_an_id_is_invalid(bare: Bare, key: str) -> None:
    reply = await bare.call("account", key, "deposit", {"amount": 5})
    assert reply.outcome == (400, "invalid")
    assert reply.json["errors"][0]["field"] == "Natya-Id"
    assert (await bare.ask("account", key, "balance")).result == {"balance": 0}


async def test_a_call_to_a_partition_that_is_not_the_keys_is_invalid(bare: Bare, key: str) -> None:
    wrong = (partition_of(key, 16) + 1) % 16
    reply = await bare.call("account", key, "deposit", {"amount": 5}, first_attempt(), partition=wrong)
    assert reply.outcome == (400, "invalid")
    assert reply.json["errors"][0]["field"] == "partition"
    assert (await bare.ask("account", key, "balance")).result == {"balance": 0}


async def test_a_call_to_a_partition_that_does_not_exist_has_no_responders(bare: Bare, key: str) -> None:
    with pytest.raises(NoRespondersError):
        await bare.call("account", key, "deposit", {"amount": 5}, first_attempt(), partition=16)


@pytest.mark.parametrize("rest", ["a.b.deposit", "a", "a.deposit.now", "a.b.c.d.e"])
async def test_an_ask_with_too_few_or_too_many_tokens_is_invalid(bare: Bare, rest: str) -> None:
    reply = await bare.request(f"natya.ask.account.{rest}", {"amount": 5})
    assert reply.outcome == (400, "invalid")
    assert "%2E" in reply.json["detail"]


@pytest.mark.parametrize("rest", ["a", "a.b.deposit"])
async def test_a_call_with_too_few_or_too_many_tokens_is_invalid(bare: Bare, rest: str) -> None:
    reply = await bare.request(f"natya.call.account.3.{rest}", {"amount": 5}, first_attempt())
    assert reply.outcome == (400, "invalid")


async def test_a_kind_that_nobody_hosts_has_no_responders(bare: Bare, key: str) -> None:
    with pytest.raises(NoRespondersError):
        await bare.ask("nobody", key, "anything")


async def test_a_stateless_kind_is_asked_like_any_other(bare: Bare, key: str) -> None:
    assert (await bare.ask("echo", key, "say", {"text": "hello"})).result == f"{key}: hello"


async def test_what_a_stateless_ask_tells_is_stored_before_it_is_answered(bare: Bare, key: str) -> None:
    assert (await bare.ask("echo", "any", "forward", {"key": key, "entry": "e"})).result == "told"
    stored = await bare.stored("natya_mail_ledger", f"natya.mail.ledger.*.{key}.enter")
    assert [message.data for message in stored] == [b'{"entry":"e"}']


async def test_a_method_may_ask_another_actor_and_answers_what_it_answers(bare: Bare, key: str) -> None:
    ask = {"kind": "account", "key": f"{key} two", "method": "deposit", "parameters": {"amount": 3}}
    assert (await bare.ask("nasty", key, "ask_other", ask)).result == {"balance": 3}
    assert (await bare.call("account", f"{key} two", "balance")).result == {"balance": 3}
    ask |= {"method": "withdraw", "parameters": {"amount": 9}}
    assert (await bare.ask("nasty", key, "ask_other", ask)).outcome == (409, "insufficient_funds")


async def test_the_state_of_an_actor_can_be_read_from_its_owner(bare: Bare, key: str) -> None:
    await bare.ask("account", key, "deposit", {"amount": 5})
    assert (await bare.call("account", key, "state")).result == {"version": 1, "state": {"balance": 5}}


def test_a_key_with_a_dot_is_one_token() -> None:
    assert token_of("alice@example.com") == "alice@example%2Ecom"
