"""Keys: any text, one spelling, one actor."""

from __future__ import annotations

import secrets

import pytest
from nats.errors import NoRespondersError
from nats.js.errors import NoStreamResponseError

from support.bare_client import Bare, first_attempt, partition_of, token_of
from support.waiting import until

ODD = [
    "a.b.c",
    ".",
    "..",
    "two words",
    " ",
    "*",
    ">",
    "a.*.>",
    "100%",
    "%2E",
    "%",
    "ä",
    "नाट्य",
    "🎭",
    "a/b?c=d&e#f",
    "alice@example.com",
    "line\nbreak",
    "tab\t",
    "nul\0",
    "$SYS",
    "quote\"'\\",
    "A-Z_~@:+=",
    "\u00e9",
    "e\u0301",
]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
async def test_any_text_is_a_key_for_asks_calls_and_tells(bare: Bare, key: str, odd: str) -> None:
    odd += key
    assert (await bare.ask("account", odd, "deposit", {"amount": 1})).result == {"balance": 1}
    assert (await bare.call("account", odd, "deposit", {"amount": 2}, first_attempt())).result == {"balance": 3}
    await bare.tell("account", odd, "deposit", {"amount": 4})

    async def balance() -> int:
        found: int = (await bare.ask("account", odd, "balance")).result["balance"]
        return found

    assert await until(balance, lambda found: found >= 7) == 7
    records = await bare.records("account", partition_of(token_of(odd), 16))
    keys = [turn["key"] for record in records for turn in record.get("turns", [])]
    assert keys.count(token_of(odd)) == 3


async def test_an_actor_knows_its_key_as_it_was_before_encoding(bare: Bare) -> None:
    for odd in ODD:
        assert (await bare.ask("echo", odd, "say", {"text": "x"})).result == f"{odd}: x"


async def test_a_key_of_200_bytes_is_fine_and_a_longer_one_is_invalid(bare: Bare) -> None:
    for longest in (secrets.token_hex(100), "ä" * 97 + secrets.token_hex(3)):
        assert len(longest.encode()) == 200
        assert (await bare.ask("account", longest, "deposit", {"amount": 1})).result == {"balance": 1}
        reply = await bare.ask("account", longest + "x", "deposit", {"amount": 1})
        assert reply.outcome == (400, "invalid")
        assert "200" in reply.json["detail"]
        assert reply.json["errors"][0]["field"] == "key"


@pytest.mark.parametrize(
    "token",
    [
        "alice%40example",  # @ needs no encoding
        "%61lice",
        "alice%2ecom",  # small hex
        "alice%2",
        "alice%",
        "alice%zz",
        "%FF",  # not UTF-8
        "%C0%AE",  # an overlong dot
        "%ED%A0%80",  # half of a pair
        "al,ice",
        "al!ce",
        "ä",
        "a" * 201,
    ],
    ids=ascii,
)
async def test_a_token_that_is_not_its_own_encoding_is_invalid(bare: Bare, token: str) -> None:
    reply = await bare.request(f"natya.ask.account.{token}.deposit", {"amount": 1})
    assert reply.outcome == (400, "invalid")
    assert reply.json["errors"][0]["field"] == "key"
    number = partition_of(token, 16)
    reply = await bare.request(f"natya.call.account.{number}.{token}.deposit", {"amount": 1}, first_attempt())
    assert reply.outcome == (400, "invalid")


@pytest.mark.parametrize("token", ["alice%40example", "%61lice", "alice%2ecom", "%FF", "al!ce"])
async def test_a_tell_under_a_wrong_spelling_becomes_a_dead_letter(bare: Bare, token: str) -> None:
    ack = await bare.js.publish(f"natya.tell.account.{token}.deposit", b'{"amount":1}')

    async def dead() -> list[bytes]:
        stored = await bare.stored("natya_dead", f"natya.dead.account.{token}.deposit")
        return [message.data or b"" for message in stored]

    letters = await until(dead)
    assert f'"sequence":{ack.seq},'.encode() in letters[-1]


async def test_an_empty_key_never_reaches_an_actor(bare: Bare) -> None:
    with pytest.raises((NoRespondersError, TimeoutError)):
        await bare.request("natya.ask.account..deposit", {"amount": 1}, timeout=2)
    with pytest.raises((NoStreamResponseError, TimeoutError)):
        await bare.js.publish("natya.tell.account..deposit", b'{"amount":1}', timeout=2)


async def test_two_keys_that_look_alike_are_two_actors(bare: Bare, key: str) -> None:
    one, other = f"{key}\u00e9", f"{key}e\u0301"
    await bare.ask("account", one, "deposit", {"amount": 1})
    assert (await bare.ask("account", other, "balance")).result == {"balance": 0}
