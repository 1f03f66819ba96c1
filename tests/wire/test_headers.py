"""The protocol's headers, one by one."""

from __future__ import annotations

import asyncio

import pytest

from support.bare_client import Bare, first_attempt, new_id, now
from support.waiting import until


@pytest.mark.parametrize("way", ["ask", "call"])
async def test_an_id_without_its_first_sent_time_is_invalid(bare: Bare, key: str, way: str) -> None:
    send = bare.ask if way == "ask" else bare.call
    reply = await send("account", key, "deposit", {"amount": 5}, {"Natya-Id": new_id()})
    assert reply.outcome == (400, "invalid")
    assert reply.json["errors"][0]["field"] == "Natya-Sent"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Natya-Sent", "soon"),
        ("Natya-Sent", "-5"),
        ("Natya-Sent", "1.5"),
        ("Natya-Attempt", "0"),
        ("Natya-Attempt", "first"),
        ("Natya-Deadline", "never"),
        ("Natya-Keep", "-1"),
        ("Natya-Keep", "long"),
        ("Natya-Keep", "9999999999999999"),
        ("Natya-If-Version", "latest"),
        ("Natya-Id", "x" * 201),
        ("Natya-Id", "two words"),
        ("Natya-Id", "two\nlines"),
        ("Natya-Id", "$mail.5"),
        ("Natya-Reply-To", "a..b"),
        ("Natya-Reply-To", "a.*"),
        ("Natya-Reply-To", "$JS.API.STREAM.DELETE.natya_events"),
    ],
)
async def test_a_header_with_a_wrong_value_is_invalid_and_named(bare: Bare, key: str, header: str, value: str) -> None:
    reply = await bare.ask("account", key, "deposit", {"amount": 5}, first_attempt() | {header: value})
    assert reply.outcome == (400, "invalid")
    assert reply.json["errors"][0]["field"] == header or header in reply.json["detail"]
    assert (await bare.ask("account", key, "balance")).result == {"balance": 0}


@pytest.mark.parametrize("header", ["traceparent", "Natya-Chain", "Another"])
async def test_a_line_break_in_a_header_keeps_nobody_from_sending_it_on(bare: Bare, key: str, header: str) -> None:
    for number in range(8):  # at least one is proxied
        reply = await bare.ask("account", f"{key}{number}", "deposit", {"amount": 5}, {header: "two\nlines"})
        assert reply.result == {"balance": 5}


async def test_a_sent_time_more_than_half_a_minute_ahead_is_refused_and_a_little_ahead_is_not(bare: Bare, key: str) -> None:
    late = first_attempt() | {"Natya-Sent": str(now() + 20 * 60_000)}
    reply = await bare.ask("account", key, "deposit", {"amount": 5}, late)
    assert reply.outcome == (400, "invalid")
    assert "clock" in reply.json["detail"]
    little = first_attempt() | {"Natya-Sent": str(now() + 20_000)}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, little)).result == {"balance": 5}


async def test_an_attempt_number_changes_nothing_for_a_message_that_is_new(bare: Bare, key: str) -> None:
    headers = first_attempt() | {"Natya-Attempt": "7"}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, headers)).result == {"balance": 5}


async def test_a_deadline_that_has_passed_keeps_a_command_from_running(bare: Bare, key: str) -> None:
    past = {"Natya-Deadline": str(now() - 1000)}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, past)).outcome == (504, "deadline")
    assert (await bare.call("account", key, "deposit", {"amount": 5}, first_attempt() | past)).outcome == (504, "deadline")
    assert (await bare.ask("account", key, "balance")).result == {"balance": 0}


async def test_a_handler_is_stopped_at_the_deadline_and_changes_nothing(bare: Bare, key: str) -> None:
    soon = {"Natya-Deadline": str(now() + 500)}
    assert (await bare.ask("nasty", key, "sleep", {"seconds": 60}, soon)).outcome == (504, "deadline")
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 1}


async def test_a_deadline_is_passed_on_to_the_calls_of_the_turn(bare: Bare, key: str) -> None:
    soon = {"Natya-Deadline": str(now() + 500)}
    slow = {"kind": "nasty", "key": f"{key}-2", "method": "sleep", "parameters": {"seconds": 60}}
    assert (await bare.ask("nasty", key, "ask_other", slow, soon)).outcome == (504, "deadline")

    async def free() -> int:
        reply = await bare.ask("nasty", f"{key}-2", "count", timeout=5)
        return reply.code

    assert await until(free, lambda code: code == 0) == 0
    assert (await bare.ask("nasty", f"{key}-2", "turns")).result == {"turns": 1}


async def test_a_command_for_another_version_is_refused_and_told_the_version(bare: Bare, key: str) -> None:
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, {"Natya-If-Version": "0"})).result == {"balance": 5}
    reply = await bare.ask("account", key, "deposit", {"amount": 5}, {"Natya-If-Version": "0"})
    assert reply.outcome == (412, "precondition_failed")
    version = reply.json["version"]
    assert version == 1
    assert (await bare.ask("account", key, "balance")).result == {"balance": 5}


async def test_the_caller_is_believed_on_a_call_and_ignored_on_an_ask(bare: Bare, key: str) -> None:
    name = {"Natya-Caller": "mallory"}
    assert (await bare.ask("nasty", key, "who", headers=name)).result == ""
    assert (await bare.call("nasty", key, "who", headers=first_attempt() | name, partitions=4)).result == "mallory"
    assert (await bare.ask("nasty", key, "who_reads", headers=name)).result == ""
    assert (await bare.call("nasty", key, "who_reads", headers=name, partitions=4)).result == "mallory"


async def test_the_caller_of_a_tell_is_ignored(bare: Bare, key: str) -> None:
    inbox = bare.connection.new_inbox()
    replies = await bare.connection.subscribe(inbox)
    await bare.connection.flush()
    await bare.tell("nasty", key, "who", b"", {"Natya-Caller": "mallory", "Natya-Reply-To": inbox})
    assert (await replies.next_msg(20)).data == b'""'


async def test_the_verified_caller_is_passed_on_to_the_calls_of_the_turn(bare: Bare, key: str) -> None:
    ask = {"kind": "nasty", "key": f"{key}-2", "method": "who", "parameters": {}}
    headers = first_attempt(Natya_Caller="alice")
    assert (await bare.call("nasty", key, "ask_other", ask, headers, partitions=4)).result == "alice"


async def test_a_call_to_an_actor_that_waits_for_it_is_refused(bare: Bare, key: str) -> None:
    a, b = f"{key}-a", f"{key}-b"
    inner = {"kind": "nasty", "key": a, "method": "count", "parameters": {}}
    reply = await bare.ask("nasty", a, "ask_other", {"kind": "nasty", "key": b, "method": "ask_other", "parameters": inner})
    assert reply.outcome == (409, "call_cycle")
    assert reply.json["actors"] == [f"nasty/{a}", f"nasty/{b}", f"nasty/{a}"]


async def test_a_call_to_oneself_is_refused(bare: Bare, key: str) -> None:
    ask = {"kind": "nasty", "key": key, "method": "count", "parameters": {}}
    assert (await bare.ask("nasty", key, "ask_other", ask)).outcome == (409, "call_cycle")


async def test_the_chain_of_a_call_counts(bare: Bare, key: str) -> None:
    ask = {"kind": "nasty", "key": f"{key}-b", "method": "count", "parameters": {}}
    headers = {"Natya-Chain": f"nasty/{key}-b"}
    assert (await bare.ask("nasty", key, "ask_other", ask, headers)).outcome == (409, "call_cycle")


async def test_two_actors_that_ask_each_other_do_not_wait_for_the_deadline(bare: Bare, key: str) -> None:
    def ask(to: str) -> dict[str, object]:
        slowly = {"kind": "nasty", "key": to, "method": "ask_other"}
        return slowly | {"parameters": {"kind": "counter", "key": to, "method": "increment", "parameters": {}}}

    began = now()
    for attempt in range(5):
        a, b = f"{key}-a{attempt}", f"{key}-b{attempt}"
        replies = await asyncio.gather(bare.ask("nasty", a, "ask_other", ask(b)), bare.ask("nasty", b, "ask_other", ask(a)))
        assert {reply.outcome for reply in replies} <= {(0, ""), (409, "call_cycle")}
    assert now() - began < 15_000
