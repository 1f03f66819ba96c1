"""Messages of the ledger that are to be remembered, and questions about them."""

from __future__ import annotations

import orjson

from natya.outcome import Outcome
from natya.ref import Options
from natya.runtime.partition import Partition
from natya.testing import TestPlatform
from support.ledger import Ledger

DAY = 86_400
JOURNAL = "natya.journal.ledger.0"
MAIL = "natya_mail_ledger"


async def send(platform: TestPlatform, key: str, method: str, line: str, id: str = "m1", keep: int = DAY) -> None:
    await platform.store("ledger", key, method, body(line), Options(id, keep=keep))


def body(line: str) -> bytes:
    return orjson.dumps({"line": line})


async def outcome(platform: TestPlatform, key: str = "a", id: str = "m1", wait: float = 0.0) -> Outcome:
    return await platform.outcome("ledger", key, id, wait=wait)


def partition_of(platform: TestPlatform) -> Partition:
    (found,) = [p for node in platform.cluster.nodes for p in node.partitions if p.definition.kind == "ledger"]
    return found


async def forgotten(platform: TestPlatform) -> None:
    """Let the checkpoint pass everything, and take away what the journal and the index still know."""
    await platform.actor(Ledger, "other").write(line="later")
    await platform.clock.advance(5)
    assert partition_of(platform).unwritten.oldest is None
    stream = platform.cluster.broker.stream("natya_journal_ledger_0")
    assert stream is not None
    await platform.crash()
    stream.purge(JOURNAL, before=stream.read(JOURNAL)[-1].sequence)
    await platform.crash()
    assert partition_of(platform).index.find("a", "m1") == 0
