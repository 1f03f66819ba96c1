"""The scaling measure: what passes is told apart by what it is for, and every figure is there."""

from __future__ import annotations

from pathlib import Path

import nats
import pytest

from natya.manifest import definitions_in
from natya_ops.bench import ceilings, scaled_kinds, scaling
from natya_ops.bench.scaling import Shape, measure, table
from natya_ops.bench.tap import purpose, tapped
from natya_ops.servers import NatsServer
from support.world import eventually


@pytest.mark.parametrize(
    ("subject", "status", "meaning"),
    [
        ("_INBOX_node.abc.1.s", "100", "heartbeats of consumers"),
        ("$KV.natya_cluster.member.worker-1-abc", "", "renewals of leases"),
        ("$KV.natya_cluster.owner.sum_0.3", "", "owner keys"),
        ("natya.node.worker-1-abc.probe", "", "probes"),
        ("natya.journal.sum_0.3", "", "appends"),
        ("natya.ask.sum_0.k1.add", "", "ask"),
        ("natya.call.sum_0.3.k1.add", "", "call"),
        ("$JS.API.CONSUMER.MSG.NEXT.natya_mail_sum_0.abc", "", "JetStream API: CONSUMER.MSG.NEXT"),
        ("_INBOX_node.abc.1", "", "replies and deliveries"),
        ("$SRV.PING", "", "other"),
    ],
)
def test_what_a_message_is_for_is_told_from_its_subject(subject: str, status: str, meaning: str) -> None:
    assert purpose(subject, status) == meaning


async def test_a_tap_hears_what_others_publish(nats_server: NatsServer) -> None:
    connection = await nats.connect(nats_server.url)
    async with tapped(nats_server.url) as seen:
        for _ in range(3):
            await connection.publish("natya.ask.sum_0.k1.add", b"")
        await eventually(lambda: seen == {"ask": 3})
    await connection.close()


def test_its_application_has_kinds_and_partitions_as_told() -> None:
    (definition,) = definitions_in(scaled_kinds)
    assert (definition.kind, definition.partitions) == ("sum_0", 16)
    assert scaled_kinds.make(3, 64).__definition__.kind == "sum_3"


@pytest.mark.slow
async def test_every_figure_is_there_for_two_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "SETTLING", 1.0)
    cost = await measure(Shape(workers=2, partitions=4, kinds=2), tmp_path, idle=1.5, load=0.5)
    assert cost.streams == 4 + 2 * 5
    assert cost.consumers >= 2 * 4 + 2 * 2
    assert cost.purposes["probes"] > 0
    assert cost.purposes["renewals of leases"] > 0
    assert cost.asks_per_second > 0
    assert cost.ask["appends"] > 0
    assert cost.ask["in_msgs"] > 2
    row = table([cost]).splitlines()[-1]
    assert row.startswith("| 2 | 4 | 2 |")
    assert row.count("|") == table([cost]).splitlines()[0].count("|")


async def test_what_a_server_alone_can_do_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "SETTLING", 0.0)
    found = await ceilings.measure([NatsServer(tmp_path)], part=0.01)
    assert {(each.what, each.at_once) for each in found} == {(what, n) for what in ceilings.ROUNDS for n in ceilings.AT_ONCE}
    assert all(each.per_second > 0 for each in found)
    assert len(ceilings.table(found).splitlines()) == 2 + len(ceilings.ROUNDS)
