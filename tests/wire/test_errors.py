"""Every row of the protocol's table of errors: code, slug, headers and problem document."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.bare_client import Bare, Reply, first_attempt, now


def check(reply: Reply, code: int, slug: str) -> dict[str, Any]:
    """The problem document, when it and the headers say this and agree with each other."""
    assert reply.outcome == (code, slug), reply.body
    document: dict[str, Any] = reply.json
    assert document["type"] == f"urn:natya:error:{slug}"
    assert document["status"] == code
    assert document["code"] == slug
    assert document["title"]
    assert isinstance(document["detail"], str)
    if "retry_after" not in document:
        assert "Retry-After" not in reply.headers
    return document


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"text":"a","surplus":1}', "surplus"),
        (b'{"number":2}', "text"),
        (b'{"text":5}', "text"),
        (b'{"text":"a","number":"2"}', "number"),
        (b'{"text":"a","number":0}', "number"),
        (b'{"text":"a","number":1.5}', "number"),
        (b'{"text":null}', "text"),
        (b"", "text"),
    ],
)
async def test_parameters_that_do_not_fit_are_invalid_and_named(bare: Bare, key: str, body: bytes, field: str) -> None:
    document = check(await bare.ask("nasty", key, "strict", body), 400, "invalid")
    assert [error["field"] for error in document["errors"]] == [field]
    assert document["errors"][0]["message"]


@pytest.mark.parametrize("body", [b"{", b"5 apples", b"[1]", b'"text"', b"5", b"null", b"\xff\xfe", b'{"text":"a"}{}'])
async def test_a_body_that_is_no_json_object_is_refused(bare: Bare, key: str, body: bytes) -> None:
    document = check(await bare.ask("nasty", key, "strict", body), 400, "not_json")
    assert "JSON" in document["detail"]


async def test_a_method_that_the_kind_does_not_have_is_answered_with_those_it_has(bare: Bare, key: str) -> None:
    for reply in (await bare.ask("account", key, "steal"), await bare.call("account", key, "steal", b"", first_attempt())):
        document = check(reply, 404, "unknown_method")
        assert document["methods"] == ["balance", "deposit", "withdraw"]


async def test_a_reject_has_its_own_slug_and_its_own_members(bare: Bare, key: str) -> None:
    document = check(await bare.ask("account", key, "withdraw", {"amount": 5}), 409, "insufficient_funds")
    assert document["balance"] == 0
    document = check(await bare.ask("nasty", key, "refuse", {"slug": "out_of_stock"}), 409, "out_of_stock")
    assert document["asked"] == "out_of_stock"
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 0}


@pytest.mark.parametrize("how", ["number", "text", "object", "keys"])
async def test_a_reject_with_members_that_json_cannot_hold_is_still_a_no(bare: Bare, key: str, how: str) -> None:
    check(await bare.ask("nasty", key, "refuse_strangely", {"how": how}), 409, "no")
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 1}


async def test_a_slug_with_a_line_break_is_the_handlers_bug(bare: Bare, key: str) -> None:
    check(await bare.ask("nasty", key, "refuse_strangely", {"how": "slug"}), 500, "internal")
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 1}


async def test_a_cycle_of_calls_names_the_actors(bare: Bare, key: str) -> None:
    ask = {"kind": "nasty", "key": key, "method": "count", "parameters": {}}
    document = check(await bare.ask("nasty", key, "ask_other", ask), 409, "call_cycle")
    assert document["actors"] == [f"nasty/{key}", f"nasty/{key}"]


async def test_a_failed_precondition_has_the_version(bare: Bare, key: str) -> None:
    reply = await bare.ask("account", key, "deposit", {"amount": 1}, {"Natya-If-Version": "3"})
    assert check(reply, 412, "precondition_failed")["version"] == 0


async def test_what_is_too_large_is_told_the_limit(bare: Bare, key: str) -> None:
    document = check(await bare.ask("nasty", key, "fill", {"size": 1 << 20}), 413, "too_large")
    assert document["limit"] < 1 << 20 < document["size"]


async def test_an_id_that_comes_with_another_body_or_method_is_refused(bare: Bare, key: str) -> None:
    headers = first_attempt("order-5")
    assert (await bare.ask("account", key, "deposit", {"amount": 5}, headers)).result == {"balance": 5}
    for method, amount in (("deposit", 6), ("withdraw", 5)):
        document = check(await bare.ask("account", key, method, {"amount": amount}, headers), 422, "id_reused")
        assert document["id"] == "order-5"
    assert (await bare.ask("account", key, "balance")).result == {"balance": 5}


async def test_a_handler_that_raises_changes_nothing_and_tells_no_inner_detail(bare: Bare, key: str) -> None:
    await bare.ask("nasty", key, "count")
    reply = await bare.ask("nasty", key, "boom")
    document = check(reply, 500, "internal")
    assert document["error_id"]
    assert b"inner detail" not in reply.body
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 1}
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 2}


@pytest.mark.parametrize("what", ["nan", "infinity", "large"])
async def test_a_state_that_json_cannot_hold_fails_in_its_turn(bare: Bare, key: str, what: str) -> None:
    reply = await bare.ask("nasty", key, "set_number", {"what": what})
    assert reply.outcome in ((500, "internal"), (400, "invalid"), (413, "too_large")), reply.body
    assert (await bare.ask("nasty", key, "count")).result == {"turns": 1}
    assert (await bare.ask("nasty", key, "set_number", {"what": "fine"})).result == {"turns": 2}
    assert (await bare.call("nasty", key, "state", partitions=4)).result["state"]["number"] == 2**53


async def test_a_full_mailbox_is_overloaded_and_says_when_to_repeat(bare: Bare, key: str) -> None:
    sleep = asyncio.create_task(bare.ask("nasty", key, "sleep", {"seconds": 2}))
    await asyncio.sleep(0.2)
    replies = await asyncio.gather(*(bare.ask("nasty", key, "count") for _ in range(400)))
    await sleep
    refused = [reply for reply in replies if reply.code]
    assert 0 < len(refused) <= 400 - 200
    for reply in refused:
        check(reply, 503, "overloaded")
        assert int(reply.headers["Retry-After"]) >= 1
    assert (await bare.ask("nasty", key, "turns")).result == {"turns": 1 + 400 - len(refused)}


async def test_a_passed_deadline_is_not_an_answer_about_the_effect(bare: Bare, key: str) -> None:
    headers = {"Natya-Deadline": str(now() + 300)}
    check(await bare.ask("nasty", key, "sleep", {"seconds": 30}, headers), 504, "deadline")
