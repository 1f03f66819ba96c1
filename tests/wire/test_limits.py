"""What is too large is refused, and only that."""

from __future__ import annotations

import asyncio

import pytest
from nats.errors import TimeoutError as NoReplyError

from support.bare_client import Bare
from support.waiting import until

MIB = 1 << 20


async def turns(bare: Bare, key: str) -> int:
    """What a nasty actor has counted; no answer counts as 0."""
    try:
        found: int = (await bare.ask("nasty", key, "turns", timeout=2)).result["turns"]
    except NoReplyError:
        return 0
    return found


async def test_a_large_state_lives_and_a_larger_one_changes_nothing(bare: Bare, key: str) -> None:
    assert (await bare.ask("nasty", key, "fill", {"size": 900_000})).result == {"turns": 1}
    assert (await bare.ask("nasty", key, "fill", {"size": MIB})).outcome == (413, "too_large")
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 1}
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 2}


async def test_one_state_over_the_limit_in_a_batch_of_forty_fails_alone(bare: Bare, key: str) -> None:
    sizes = [MIB if n == 20 else 1_000 for n in range(40)]
    replies = await asyncio.gather(
        *(bare.ask("nasty", f"{key}-{n}", "fill", {"size": size}) for n, size in enumerate(sizes))
    )
    assert [n for n, reply in enumerate(replies) if reply.outcome == (413, "too_large")] == [20]
    assert [n for n, reply in enumerate(replies) if reply.code == 0] == [n for n in range(40) if n != 20]


async def test_states_that_fit_one_by_one_but_not_together_are_all_stored(bare: Bare, key: str) -> None:
    replies = await asyncio.gather(*(bare.ask("nasty", f"{key}-{n}", "fill", {"size": 400_000}) for n in range(12)))
    assert [reply.result for reply in replies] == [{"turns": 1}] * 12


async def test_an_answer_over_the_limit_of_a_command_changes_nothing(bare: Bare, key: str) -> None:
    assert (await bare.ask("nasty", key, "answer", {"size": MIB})).outcome == (413, "too_large")
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 0}


async def test_an_answer_over_the_limit_of_a_query_is_an_error_and_no_silence(bare: Bare, key: str) -> None:
    assert (await bare.ask("nasty", key, "read", {"size": 2 * MIB}, timeout=10)).outcome == (413, "too_large")


async def test_a_message_over_the_limit_that_a_turn_sends_changes_nothing(bare: Bare, key: str) -> None:
    tell = {"kind": "ledger", "key": key, "method": "enter"}
    large = {"entry": "x" * 900_000}
    assert (await bare.ask("nasty", key, "pass_on", tell | {"parameters": large})).result == {"turns": 1}
    larger = {"entry": "x" * (MIB - 2_000)}
    reply = await bare.ask("nasty", key, "pass_on", tell | {"parameters": larger})
    assert reply.outcome == (413, "too_large")
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 1}


async def test_a_tell_whose_state_does_not_fit_is_a_dead_letter_and_the_key_goes_on(bare: Bare, key: str) -> None:
    await bare.tell("nasty", key, "fill", {"size": MIB})
    await bare.tell("nasty", key, "count")

    await until(lambda: turns(bare, key))
    (letter,) = await until(lambda: bare.stored("natya_dead", f"natya.dead.nasty.{key}.fill"))
    assert letter.headers is not None
    assert letter.headers["Nats-Service-Error"] == "too_large"


async def test_a_body_that_fills_the_payload_is_carried(bare: Bare, key: str) -> None:
    reply = await bare.ask("ledger", key, "enter", {"entry": "x" * 500_000})
    assert reply.result == {"count": 1}
    assert len((await bare.ask("ledger", key, "entries")).result[0]) == 500_000


@pytest.mark.parametrize("byte", [b"x", b"\0", b"\xff"], ids=["text", "zeros", "no text"])
async def test_a_tell_that_fills_the_payload_and_fails_is_a_dead_letter_and_stops_nobody(
    bare: Bare, key: str, byte: bytes
) -> None:
    """The letter must carry a body that grows when it is written as JSON."""
    limit = bare.connection.max_payload
    ack = await bare.tell("account", key, "deposit", byte * (limit - 1_000))
    await bare.tell("account", key, "deposit", {"amount": 5})

    async def balance() -> int:
        found: int = (await bare.ask("account", key, "balance", timeout=5)).result["balance"]
        return found

    assert await until(balance) == 5
    (letter,) = await until(lambda: bare.stored("natya_dead", f"natya.dead.account.{key}.deposit"))
    assert letter.headers is not None
    assert letter.headers["Nats-Service-Error"] == "not_json"
    assert f'"sequence":{ack.seq},'.encode() in (letter.data or b"")


async def test_a_reject_at_length_is_cut_and_stops_nobody(bare: Bare, key: str) -> None:
    reply = await bare.ask("nasty", key, "refuse_at_length", {"size": MIB}, timeout=10)
    assert reply.outcome == (409, "no")
    assert reply.json["detail"].startswith("nnn")
    await bare.tell("nasty", key, "refuse_at_length", {"size": MIB})
    await bare.tell("nasty", key, "count")
    assert await until(lambda: turns(bare, key)) == 1
    (letter,) = await until(lambda: bare.stored("natya_dead", f"natya.dead.nasty.{key}.refuse_at_length"))
    assert b'"code":"no"' in (letter.data or b"")


async def test_ten_thousand_wrong_fields_are_one_answer_and_one_dead_letter(bare: Bare, key: str) -> None:
    many = {f"surplus{n}": n for n in range(20_000)}
    reply = await bare.ask("nasty", key, "strict", many, timeout=10)
    assert reply.outcome == (400, "invalid")
    await bare.tell("nasty", key, "strict", many)
    await bare.tell("nasty", key, "count")
    assert await until(lambda: turns(bare, key)) == 1
    (letter,) = await until(lambda: bare.stored("natya_dead", f"natya.dead.nasty.{key}.strict"))
    assert b'"code":"invalid"' in (letter.data or b"")


async def test_a_durable_ask_with_an_answer_that_does_not_fit_twice_fails_alone(bare: Bare, key: str) -> None:
    """The answer stands in the journal twice: as the outcome, and as what is to be sent."""
    inbox = bare.connection.new_inbox()
    replies = await bare.connection.subscribe(inbox)
    await bare.connection.flush()
    await bare.tell("nasty", key, "answer", {"size": 600_000}, {"Natya-Reply-To": inbox})
    reply = await replies.next_msg(10)
    assert reply.headers is not None
    assert reply.headers["Nats-Service-Error"] == "too_large"
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 1}


@pytest.mark.parametrize("header", ["Natya-Reply-To", "traceparent", "tracestate", "Natya-Chain"])
async def test_a_tell_with_an_endless_header_stops_nobody(bare: Bare, key: str, header: str) -> None:
    tell = {"kind": "counter", "key": key, "method": "increment", "parameters": {}}
    endless = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"} | {header: "x" * 60_000}
    await bare.tell("nasty", key, "pass_on", tell, endless)
    await bare.tell("nasty", key, "boom", {"surplus": 1}, endless)
    await bare.tell("nasty", key, "count", headers={})
    assert await until(lambda: turns(bare, key)) >= 1
    assert await until(lambda: bare.stored("natya_dead", f"natya.dead.nasty.{key}.boom"))
