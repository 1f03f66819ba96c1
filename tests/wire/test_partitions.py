"""The partition of a key: the server's transform, the library and the protocol's text agree."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from natya import names
from support.bare_client import Bare, partition_of, token_of


@pytest.mark.parametrize(("kind", "partitions"), [("account", 16), ("ledger", 4), ("profile", 2)])
async def test_server_library_and_text_agree_on_the_partition_of_a_key(bare: Bare, kind: str, partitions: int) -> None:
    keys = [secrets.token_hex(n % 9 + 1) for n in range(30)] + ["alice@example.com", "नाट्य", "a b", "%", "🎭" * 50]
    tokens = {token_of(key) for key in keys}
    # Bodies of no use, for methods that there are not: what is stored counts here, not what comes of it.
    acks = {token: await bare.js.publish(f"natya.tell.{kind}.{token}.nothing", b"") for token in tokens}
    assert tokens == {names.encode_key(key) for key in keys}
    dead: set[str] = set()
    async with asyncio.timeout(30):
        while len(dead) < len(acks):
            dead |= {
                str(message.subject).split(".")[3]
                for message in await bare.stored("natya_dead", f"natya.dead.{kind}.*.nothing")
            }
    journaled: dict[str, int] = {}
    for number in range(partitions):
        for record in await bare.records(kind, number):
            journaled |= {turn["key"]: number for turn in record.get("turns", [])}
    for token in tokens:
        expected = partition_of(token, partitions)
        assert names.partition_of(token, partitions) == expected
        assert journaled[token] == expected


async def test_the_mail_stream_computes_the_partition(bare: Bare, key: str) -> None:
    config = (await bare.js.stream_info("natya_mail_account")).config
    assert config.subject_transform is not None
    assert config.subject_transform.src == "natya.tell.account.*.*"
    assert config.subject_transform.dest == "natya.mail.account.{{partition(16,1)}}.{{wildcard(1)}}.{{wildcard(2)}}"
