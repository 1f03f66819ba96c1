"""Events and dead letters: what leaves after a commit for whoever listens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from support.bare_client import Bare, first_attempt, new_id, partition_of
from support.waiting import until


async def test_anybody_can_listen_to_events(bare: Bare, key: str) -> None:
    heard = await bare.connection.subscribe(f"natya.event.nasty.{key}.>")
    await bare.connection.flush()
    await bare.ask("nasty", key, "announce", {"event": "seen"})
    message = await heard.next_msg(20)
    assert message.subject == f"natya.event.nasty.{key}.seen"
    assert json.loads(message.data) == {"number": 0, "turns": 0}


async def test_events_are_stored_in_order_under_ids_of_their_own(bare: Bare, key: str) -> None:
    for _ in range(5):
        await bare.ask("nasty", key, "announce", {"event": "seen", "times": 4})
    stored = await until(
        lambda: bare.stored("natya_events", f"natya.event.nasty.{key}.seen"), lambda found: len(found) == 20
    )
    bodies = [json.loads(message.data or b"") for message in stored]
    assert [(body["turns"], body["number"]) for body in bodies] == [(turn, n) for turn in range(5) for n in range(4)]
    ids = [(message.headers or {})["Nats-Msg-Id"] for message in stored]
    assert len(set(ids)) == 20
    partition = partition_of(key, 4)
    assert all(id.startswith(f"nasty.{partition}.") for id in ids)


async def test_an_odd_key_is_encoded_in_its_events(bare: Bare, key: str) -> None:
    await bare.ask("inbox", f"{key}.a b", "deliver", {"text": "hello"})
    await until(lambda: bare.stored("natya_events", f"natya.event.inbox.{key}%2Ea%20b.delivered"))


async def test_the_trace_context_of_a_message_is_on_its_events(bare: Bare, key: str) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await bare.ask("nasty", key, "announce", {"event": "seen"}, {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    (stored,) = await until(lambda: bare.stored("natya_events", f"natya.event.nasty.{key}.seen"))
    assert (stored.headers or {})["traceparent"].split("-")[1] == trace


async def dead(bare: Bare, key: str, method: str, number: int = 1) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Headers and bodies of the dead letters of a nasty actor."""
    stored = await until(
        lambda: bare.stored("natya_dead", f"natya.dead.nasty.{key}.{method}"), lambda found: len(found) >= number
    )
    return [(dict(message.headers or {}), json.loads(message.data or b"")) for message in stored]


async def test_a_tell_that_fails_is_tried_again_and_then_a_dead_letter(bare: Bare, key: str) -> None:
    headers = first_attempt()
    ack = await bare.tell("nasty", key, "boom", b"", headers)
    await bare.tell("nasty", key, "count")
    ((found, letter),) = await dead(bare, key, "boom")
    assert (found["Nats-Service-Error-Code"], found["Nats-Service-Error"]) == ("500", "internal")
    assert found["Natya-Attempts"] == "3"
    assert (letter["kind"], letter["key"], letter["method"]) == ("nasty", key, "boom")
    assert (letter["sequence"], letter["attempts"], letter["body"]) == (ack.seq, 3, "")
    assert letter["error"]["code"] == "internal"
    assert letter["headers"]["Natya-Id"] == headers["Natya-Id"]
    assert (await until(lambda: turns(bare, key))) == 1


async def test_a_tell_that_fails_at_first_runs_in_the_end_and_before_the_later_ones(bare: Bare, key: str) -> None:
    inbox = bare.connection.new_inbox()
    replies = await bare.connection.subscribe(inbox)
    await bare.connection.flush()
    await bare.tell("nasty", key, "flaky", {"name": key, "failures": 2}, {"Natya-Reply-To": inbox})
    await bare.tell("nasty", key, "count", {"amount": 10}, {"Natya-Reply-To": inbox})
    assert [json.loads((await replies.next_msg(20)).data) for _ in range(2)] == [{"turns": 1}, {"turns": 11}]
    assert await bare.stored("natya_dead", f"natya.dead.nasty.{key}.flaky") == []


async def test_a_failing_tell_holds_up_its_own_key_only(bare: Bare, key: str) -> None:
    other = next(f"{key}-{n}" for n in range(100) if partition_of(f"{key}-{n}", 4) == partition_of(key, 4))
    await asyncio.gather(*(bare.tell("nasty", key, "boom") for _ in range(5)))
    await bare.tell("nasty", other, "count")
    assert await until(lambda: turns(bare, other), limit=5) == 1
    await dead(bare, key, "boom", 5)


@pytest.mark.parametrize(
    ("method", "body", "slug"),
    [
        ("refuse", {"slug": "out_of_stock"}, "out_of_stock"),
        ("strict", {"text": 5}, "invalid"),
        ("strict", b"no json", "not_json"),
        ("nothing", {}, "unknown_method"),
        ("turns", {}, "invalid"),
    ],
)
async def test_a_tell_that_can_never_succeed_is_a_dead_letter_at_once(
    bare: Bare, key: str, method: str, body: dict[str, Any] | bytes, slug: str
) -> None:
    await bare.tell("nasty", key, method, body)
    ((found, letter),) = await dead(bare, key, method)
    assert found["Nats-Service-Error"] == slug
    assert letter["attempts"] == 1
    assert letter["body"] == (body.decode() if isinstance(body, bytes) else json.dumps(body))


@pytest.mark.parametrize(
    "headers",
    [{"Natya-Id": "x"}, first_attempt() | {"Natya-Attempt": "0"}, {"Natya-Deadline": "1"}, {"Natya-If-Version": "5"}],
    ids=["id without sent", "attempt", "deadline", "version"],
)
async def test_a_tell_whose_headers_forbid_it_is_a_dead_letter(bare: Bare, key: str, headers: dict[str, str]) -> None:
    await bare.tell("nasty", key, "count", {"amount": 100}, headers)
    await bare.tell("nasty", key, "count")
    await dead(bare, key, "count")
    assert (await until(lambda: turns(bare, key))) == 1


async def test_an_id_that_comes_again_as_a_tell_with_another_body_is_a_dead_letter(bare: Bare, key: str) -> None:
    headers = first_attempt(new_id())
    await bare.tell("nasty", key, "count", {"amount": 1}, headers)
    await bare.tell("nasty", key, "count", {"amount": 2}, headers)
    ((found, _),) = await dead(bare, key, "count")
    assert found["Nats-Service-Error"] == "id_reused"
    assert await turns(bare, key) == 1


async def test_a_tell_within_a_turn_to_a_method_that_there_is_not_is_a_dead_letter(bare: Bare, key: str) -> None:
    tell = {"kind": "nasty", "key": f"{key}-2", "method": "nothing", "parameters": {}}
    assert (await bare.ask("nasty", key, "pass_on", tell)).result == {"turns": 1}
    await dead(bare, f"{key}-2", "nothing")


async def turns(bare: Bare, key: str) -> int:
    found: int = (await bare.ask("nasty", key, "turns")).result["turns"]
    return found
