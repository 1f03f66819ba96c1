"""What is read from a worker's metrics."""

from __future__ import annotations

from prometheus_client import generate_latest

from natya.telemetry.events import BatchCommitted, PartitionGauges, PartitionRecovered
from natya.telemetry.metrics import Metrics
from natya_ops.bench import metrics as names


def test_the_samples_are_those_that_a_worker_has_summed_over_kinds_and_partitions() -> None:
    metrics = Metrics("n1")
    for kind, turns in (("account", 3), ("inbox", 5)):
        metrics(BatchCommitted(kind, 1, 7, turns, 100, 0.25))
    for partition in (1, 2):
        metrics(PartitionRecovered("account", partition, 1, 0, 0, 0, 0.1))
        metrics(PartitionGauges("account", partition, 10, 0, 0, 4, 0.0, 0.0, 0, 0))
    found = names.parse(generate_latest(metrics.registry()).decode())
    assert (found[names.COMMITS], found[names.TURNS], found[names.APPEND_SECONDS]) == (2.0, 8.0, 0.5)
    assert (found[names.RESIDENT], found[names.UNWRITTEN]) == (20.0, 8.0)
    assert found["natya_not_there"] == 0
