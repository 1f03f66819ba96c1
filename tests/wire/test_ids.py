"""One id, one effect: repeated, at the same time, late, with another body."""

from __future__ import annotations

import asyncio

from support.bare_client import Bare, first_attempt, now


def again(headers: dict[str, str]) -> dict[str, str]:
    """The next attempt."""
    return headers | {"Natya-Attempt": str(int(headers["Natya-Attempt"]) + 1)}


async def test_a_repeat_gets_the_same_answer_and_has_no_second_effect(bare: Bare, key: str) -> None:
    headers = first_attempt()
    first = await bare.ask("account", key, "deposit", {"amount": 5}, headers)
    await bare.ask("account", key, "deposit", {"amount": 7})
    second = await bare.ask("account", key, "deposit", {"amount": 5}, again(headers))
    third = await bare.call("account", key, "deposit", {"amount": 5}, again(again(headers)))
    assert first.result == second.result == third.result == {"balance": 5}
    assert (await bare.ask("account", key, "balance")).result == {"balance": 12}


async def test_repeats_at_the_same_time_wait_for_the_one_outcome(bare: Bare, key: str) -> None:
    headers = first_attempt()
    replies = await asyncio.gather(
        *(bare.ask("ledger", key, "enter_slowly", {"entry": "a", "seconds": 0.5}, headers) for _ in range(20))
    )
    assert [reply.result for reply in replies] == [{"count": 1}] * 20
    assert (await bare.ask("ledger", key, "entries")).result == ["a"]


async def test_another_body_while_the_first_is_pending_is_refused_too(bare: Bare, key: str) -> None:
    headers = first_attempt()
    first = asyncio.create_task(bare.ask("ledger", key, "enter_slowly", {"entry": "a", "seconds": 1}, headers))
    await asyncio.sleep(0.2)
    assert (await bare.ask("ledger", key, "enter", {"entry": "b"}, headers)).outcome == (422, "id_reused")
    assert (await first).result == {"count": 1}


async def test_the_same_id_for_two_keys_is_two_intentions(bare: Bare, key: str) -> None:
    headers = first_attempt("1")
    for number in range(3):
        reply = await bare.ask("account", f"{key}-{number}", "deposit", {"amount": 5}, headers)
        assert reply.result == {"balance": 5}


async def test_a_no_stays_a_no(bare: Bare, key: str) -> None:
    headers = first_attempt()
    first = await bare.ask("account", key, "withdraw", {"amount": 5}, headers)
    await bare.ask("account", key, "deposit", {"amount": 10})
    second = await bare.ask("account", key, "withdraw", {"amount": 5}, again(headers))
    assert first.outcome == second.outcome == (409, "insufficient_funds")
    assert first.json == second.json
    assert (await bare.ask("account", key, "balance")).result == {"balance": 10}


async def test_a_failed_precondition_stays_one(bare: Bare, key: str) -> None:
    headers = first_attempt() | {"Natya-If-Version": "1"}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, headers)).outcome == (412, "precondition_failed")
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, again(headers))).outcome == (412, "precondition_failed")


async def test_a_handler_that_failed_may_be_tried_again_under_its_id(bare: Bare, key: str) -> None:
    headers = first_attempt()
    flaky = {"name": key, "failures": 2}
    assert (await bare.ask("nasty", key, "flaky", flaky, headers)).outcome == (500, "internal")
    assert (await bare.ask("nasty", key, "flaky", flaky, again(headers))).outcome == (500, "internal")
    assert (await bare.ask("nasty", key, "flaky", flaky, again(again(headers)))).result == {"turns": 1}
    assert (await bare.ask("nasty", key, "flaky", flaky, again(again(headers)))).result == {"turns": 1}


async def test_an_early_attempt_that_comes_late_is_answered_from_memory(bare: Bare, key: str) -> None:
    headers = first_attempt() | {"Natya-Sent": str(now() - 20_000)}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, again(headers))).result == {"balance": 5}
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, headers)).result == {"balance": 5}
    assert (await bare.ask("account", key, "balance")).result == {"balance": 5}


async def test_a_tell_under_the_id_of_a_pending_ask_takes_effect_once(bare: Bare, key: str) -> None:
    headers = first_attempt()
    slowly = {"entry": "a", "seconds": 0.5}
    ask = asyncio.create_task(bare.ask("ledger", key, "enter_slowly", slowly, headers))
    await asyncio.sleep(0.1)
    await bare.tell("ledger", key, "enter_slowly", slowly, headers)
    assert (await ask).result == {"count": 1}
    assert (await bare.ask("ledger", key, "enter", {"entry": "b"})).result["count"] == 2
    assert (await bare.ask("ledger", key, "entries")).result == ["a", "b"]
