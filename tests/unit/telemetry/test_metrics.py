"""Events as metrics."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from natya.telemetry import Telemetry, events
from natya.telemetry.events import (
    BatchCommitted,
    Connection,
    DeadLettered,
    Event,
    LeaseLost,
    LoopBlocked,
    NodeGauges,
    PartitionGauges,
    PartitionRecovered,
    PartitionReleased,
    QueryFinished,
    SnapshotsWritten,
    TurnFinished,
)
from natya.telemetry.metrics import Metrics

ALL = [
    found for found in vars(events).values() if isinstance(found, type) and issubclass(found, Event) and found is not Event
]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("n1")


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample as a scrape gives it."""
    return metrics.registry().get_sample_value(name, labels)


def example(event: type[Event]) -> Event:
    values: dict[str, Any] = {"int": 3, "float": 0.5, "str": "account", "bool": True, "BaseException": ValueError("no")}
    return event(**{field.name: values[str(field.type)] for field in dataclasses.fields(event)})


def gauges(kind: str = "account", partition: int = 0, **changed: float) -> PartitionGauges:
    plain = PartitionGauges(kind, partition, 10, 2, 1, 3, lag=0.5, coverage=60.0, index=100, outgoing=4)
    return dataclasses.replace(plain, **changed)  # type: ignore[arg-type]


def recovered(kind: str = "account", partition: int = 0) -> PartitionRecovered:
    return PartitionRecovered(kind, partition, 1, 0, 0, 0, 0.05)


def test_turns_are_counted_by_kind_method_and_outcome(metrics: Metrics) -> None:
    for outcome in ("ok", "ok", "internal"):
        metrics(TurnFinished("account", "deposit", outcome, 0.002))
    metrics(QueryFinished("account", "balance", "ok", 0.001))
    place = {"kind": "account", "method": "deposit"}
    assert read(metrics, "natya_turns_total", **place, outcome="ok") == 2
    assert read(metrics, "natya_turns_total", **place, outcome="internal") == 1
    assert read(metrics, "natya_turn_seconds_count", **place) == 3
    assert read(metrics, "natya_turn_seconds_sum", **place) == pytest.approx(0.006)
    assert read(metrics, "natya_queries_total", kind="account", method="balance", outcome="ok") == 1


def test_the_slugs_of_rejects_are_one_label(metrics: Metrics) -> None:
    for number in range(3):
        metrics(TurnFinished("account", "withdraw", f"no_{number}", 0.001))
        metrics(DeadLettered("account", "alice", f"method_{number}", f"no_{number}", 1))
    assert read(metrics, "natya_turns_total", kind="account", method="withdraw", outcome="rejected") == 3
    assert read(metrics, "natya_dead_letters_total", kind="account", outcome="rejected") == 3


def test_a_value_falls_into_the_bucket_that_it_does_not_exceed(metrics: Metrics) -> None:
    for seconds in (0.001, 0.0011, 99.0):
        metrics(TurnFinished("account", "deposit", "ok", seconds))
    place = {"kind": "account", "method": "deposit"}
    assert read(metrics, "natya_turn_seconds_bucket", **place, le="0.0005") == 0
    assert read(metrics, "natya_turn_seconds_bucket", **place, le="0.001") == 1
    assert read(metrics, "natya_turn_seconds_bucket", **place, le="0.0025") == 2
    assert read(metrics, "natya_turn_seconds_bucket", **place, le="30.0") == 2
    assert read(metrics, "natya_turn_seconds_bucket", **place, le="+Inf") == 3


def test_batches_tell_their_size_and_time(metrics: Metrics) -> None:
    metrics(BatchCommitted("account", 3, 17, turns=20, size=4_000, seconds=0.003))
    metrics(BatchCommitted("account", 4, 18, turns=1, size=500, seconds=0.001))
    assert read(metrics, "natya_commits_total", kind="account") == 2
    assert read(metrics, "natya_batch_turns_sum", kind="account") == 21
    assert read(metrics, "natya_batch_bytes_sum", kind="account") == 4_500
    assert read(metrics, "natya_append_seconds_bucket", kind="account", le="0.001") == 1


def test_partitions_are_summed_up_and_the_worst_lag_and_coverage_count(metrics: Metrics) -> None:
    for number in (0, 1):
        metrics(recovered(partition=number))
    metrics(gauges(partition=0, lag=0.5, coverage=60.0))
    metrics(gauges(partition=1, lag=2.0, coverage=20.0))
    assert read(metrics, "natya_partitions", kind="account") == 2
    assert read(metrics, "natya_resident_actors", kind="account") == 20
    assert read(metrics, "natya_mailbox_messages", kind="account") == 4
    assert read(metrics, "natya_snapshot_lag_seconds", kind="account") == 2.0
    assert read(metrics, "natya_index_coverage_seconds", kind="account") == 20.0


def test_a_released_partition_counts_no_more_even_if_its_gauges_come_late(metrics: Metrics) -> None:
    metrics(recovered())
    metrics(gauges())
    metrics(PartitionReleased("account", 0, 1, "released"))
    metrics(gauges())
    assert read(metrics, "natya_resident_actors", kind="account") is None
    assert read(metrics, "natya_partitions_released_total", kind="account", reason="released") == 1


def test_a_partition_without_gauges_yet_has_no_lag(metrics: Metrics) -> None:
    metrics(recovered())
    assert read(metrics, "natya_partitions", kind="account") == 1
    assert read(metrics, "natya_snapshot_lag_seconds", kind="account") is None


def test_connection_lease_and_loop(metrics: Metrics) -> None:
    metrics(Connection("connected", "S1"))
    metrics(NodeGauges(loop_lag=0.25, partitions=4, lease_left=2.0))
    assert read(metrics, "natya_connected") == 1
    assert read(metrics, "natya_loop_lag_seconds") == 0.25
    assert read(metrics, "natya_lease_left_seconds") == 2.0
    metrics(Connection("disconnected", ""))
    metrics(LeaseLost("n1-a", "expired"))
    metrics(LoopBlocked(1.5, "shop.Order.place"))
    assert read(metrics, "natya_connected") == 0
    assert read(metrics, "natya_disconnects_total") == 1
    assert read(metrics, "natya_lease_left_seconds") == 0
    assert read(metrics, "natya_loop_blocked_seconds_total") == 1.5


def test_snapshots_count_documents(metrics: Metrics) -> None:
    metrics(SnapshotsWritten("account", 500, 0.1))
    metrics(SnapshotsWritten("account", 20, 0.01))
    assert read(metrics, "natya_snapshot_documents_total", kind="account") == 520
    assert read(metrics, "natya_snapshot_write_seconds_count", kind="account") == 2


def test_what_a_kind_has_handled_is_told_for_its_service(metrics: Metrics) -> None:
    metrics(TurnFinished("account", "deposit", "ok", 0.25))
    metrics(TurnFinished("account", "withdraw", "insufficient_funds", 0.25))
    metrics(QueryFinished("account", "balance", "ok", 0.5))
    metrics(TurnFinished("other", "deposit", "ok", 1.0))
    assert metrics.handled("account") == (3, 1, 1.0)
    assert metrics.handled("nobody") == (0, 0, 0.0)


@pytest.mark.parametrize("event", ALL)
def test_every_event_is_taken_and_scraped(event: type[Event], metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    assert get_type_hints(event)
    metrics(recovered())
    Telemetry(metrics).raise_event(example(event))
    assert not caplog.records
    page = generate_latest(metrics.registry()).decode()
    names = {family.name for family in text_string_to_metric_families(page)}
    assert names == {family.name.removesuffix("_total") for family in metrics.families}


def test_outcomes_without_end_are_not_remembered_without_end(metrics: Metrics) -> None:
    for number in range(25_000):
        metrics(TurnFinished("account", "withdraw", f"no_{number}", 0.001))
    assert read(metrics, "natya_turns_total", kind="account", method="withdraw", outcome="rejected") == 25_000
    assert len(metrics._turns_of) <= 10_000
