"""The journal as anybody can read it: JSON, one record a batch."""

from __future__ import annotations

import asyncio

from support.bare_client import Bare, first_attempt, partition_of
from support.load import check_journals


async def test_a_record_tells_who_wrote_it_and_what_was_done(bare: Bare, key: str) -> None:
    headers = first_attempt()
    await bare.ask("account", key, "deposit", {"amount": 5}, headers)
    record = next(r for r in await bare.records("account", partition_of(key, 16)) if key in r.get("states", {}))
    assert record["format"] == 1
    assert record["epoch"] >= 1
    assert record["node"].startswith("worker-")
    assert record["batch"]
    (turn,) = [turn for turn in record["turns"] if turn["key"] == key]
    assert (turn["v"], turn["m"], turn["id"], turn["method"]) == (1, 0, headers["Natya-Id"], "deposit")
    assert turn["answer"] == {"balance": 5}
    assert record["states"][key] == {"balance": 5}


async def test_a_no_is_a_turn_too_and_changes_no_state(bare: Bare, key: str) -> None:
    await bare.ask("account", key, "withdraw", {"amount": 5})
    await bare.ask("account", key, "deposit", {"amount": 5}, {"Natya-If-Version": "9"})
    turns = [
        (turn["v"], turn["error"]["code"], turn["error"]["slug"], key in record.get("states", {}))
        for record in await bare.records("account", partition_of(key, 16))
        for turn in record.get("turns", [])
        if turn["key"] == key
    ]
    assert turns == [(0, 409, "insufficient_funds", False), (0, 412, "precondition_failed", False)]


async def test_what_a_turn_sends_stands_in_its_record(bare: Bare, key: str) -> None:
    await bare.ask("nasty", key, "announce", {"event": "seen", "times": 2})
    (turn,) = [t for r in await bare.records("nasty", partition_of(key, 4)) for t in r.get("turns", []) if t["key"] == key]
    assert [out["subject"] for out in turn["out"]] == [f"natya.event.nasty.{key}.seen"] * 2
    assert turn["out"][1]["body"] == {"number": 1, "turns": 0}


async def test_a_record_says_how_far_the_mail_is_done(bare: Bare, key: str) -> None:
    ack = await bare.tell("account", key, "deposit", {"amount": 5})
    async with asyncio.timeout(20):
        while True:
            positions = [r["mail"] for r in await bare.records("account", partition_of(key, 16)) if "mail" in r]
            if any(position["head"] >= ack.seq for position in positions):
                break
    heads = [position["head"] for position in positions]
    assert heads == sorted(heads)


async def test_under_load_many_turns_share_a_record_and_versions_follow_one_another(bare: Bare, key: str) -> None:
    await asyncio.gather(*(bare.ask("counter", f"{key}-{n % 10}", "increment") for n in range(400)))
    records = [record for number in range(4) for record in await bare.records("counter", number)]
    ours = [sum(turn["key"].startswith(key) for turn in record.get("turns", [])) for record in records]
    assert sum(ours) == 400
    assert max(ours) > 1
    await check_journals(bare, "counter", 4)


async def test_the_journals_streams_refuse_to_be_rolled_up_or_emptied_by_a_message(bare: Bare) -> None:
    for number in range(4):
        config = (await bare.js.stream_info(f"natya_journal_account_{number}")).config
        assert not config.allow_rollup_hdrs
        assert config.deny_delete
        assert (config.max_msgs, config.max_bytes, config.max_age or 0) == (-1, -1, 0)
