"""Events as Prometheus metrics: names begin with ``natya_``, units are seconds and bytes, keys are never labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from natya import errors
from natya.telemetry import events as e
from natya.telemetry.partitions import Partitions
from natya.telemetry.tallies import Counter, Distribution, Family, Gauge, Histogram, Tally
from natya.version import VERSION

SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
TURNS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
SIZES: Final = (1 << 9, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22)

OUTCOMES: Final = frozenset({"ok", "failed"}) | {
    found.slug for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.NatyaError)
}
REJECTED: Final = "rejected"
_KNOWN_LIMIT: Final = 10_000

Key = tuple[str, str, str]


class Metrics(Collector):
    """A telemetry hook and a collector for prometheus-client. Lives on one loop: events come and scrapes happen there.

    A turn costs about half a microsecond here: one look-up for its kind, method and outcome, and three additions.
    """

    def __init__(self, node: str) -> None:
        kind, method = ("kind",), ("kind", "method")
        outcome = (*method, "outcome")
        self.turns = Counter("natya_turns_total", "Commands whose handler ended, committed or not.", outcome)
        self.turn_seconds = Histogram("natya_turn_seconds", "Time a command's handler ran.", SECONDS, method)
        self.queries = Counter("natya_queries_total", "Queries whose handler ended.", outcome)
        self.query_seconds = Histogram("natya_query_seconds", "Time a query's handler ran.", SECONDS, method)
        self._failures = Counter("natya_handler_failures_total", "Handlers that raised what is no answer.", method)
        self._commits = Counter("natya_commits_total", "Batches that were appended and acknowledged.", kind)
        self._batch_turns = Histogram("natya_batch_turns", "Turns in one batch.", TURNS, kind)
        self._batch_bytes = Histogram("natya_batch_bytes", "Size of one batch.", SIZES, kind)
        self._append = Histogram(
            "natya_append_seconds", "Time from an append's first sending to its acknowledgement.", SECONDS, kind
        )
        self._append_retries = Counter(
            "natya_append_retries_total", "Appends sent again for want of a certain answer.", kind
        )
        self._fenced = Counter("natya_fenced_total", "Partitions dropped because another owner had written.", kind)
        self._claimed = Counter(
            "natya_partitions_claimed_total", "Owner keys won; forced: from an owner that had ended.", (*kind, "forced")
        )
        self._recovery = Histogram(
            "natya_recovery_seconds", "Time from winning a partition's owner key to serving it.", SECONDS, kind
        )
        self._released = Counter(
            "natya_partitions_released_total", "Partitions that this node stopped serving.", (*kind, "reason")
        )
        self._journal_lost = Counter(
            "natya_journal_lost_total", "Partitions stopped: their journal is behind a snapshot.", kind
        )
        self._activations = Counter("natya_activations_total", "Actors brought into memory.", (*kind, "source"))
        self._passivations = Counter("natya_passivations_total", "Idle actors that left memory.", kind)
        self._not_loaded = Counter("natya_actors_not_loaded_total", "Documents that could not be loaded or written.", kind)
        self._tell_retries = Counter("natya_tell_retries_total", "Tells that failed and are tried again.", kind)
        self._dead = Counter("natya_dead_letters_total", "Messages given up and stored as dead letters.", (*kind, "outcome"))
        self._outgoing_retries = Counter(
            "natya_outgoing_retries_total", "Times that outgoing messages could not be stored and are sent again.", kind
        )
        self._snapshot_seconds = Histogram("natya_snapshot_write_seconds", "Time one bulk of snapshots took.", SECONDS, kind)
        self._snapshots = Counter("natya_snapshot_documents_total", "Snapshots written.", kind)
        self._snapshot_failures = Counter(
            "natya_snapshot_failures_total", "Bulks of snapshots without acknowledgement.", kind
        )
        self._lease_left = Gauge("natya_lease_left_seconds", "Time left of this node's lease, as of the last second.")
        self._leases_lost = Counter("natya_leases_lost_total", "Leases that this node lost.")
        self._joins = Counter("natya_joins_total", "Incarnations of this node that joined the cluster.")
        self._ends = Counter("natya_members_ended_total", "Members of the cluster that this node found to have ended.")
        self._handed = Counter("natya_partitions_handed_over_total", "Partitions that this node gave to another.", ("kind",))
        self._connected = Gauge("natya_connected", "1 while connected to NATS, else 0.")
        self._disconnects = Counter("natya_disconnects_total", "Connections to NATS that were lost.")
        self._loop_lag = Gauge("natya_loop_lag_seconds", "How late the event loop woke, as of the last second.")
        self._blocked = Counter("natya_loop_blocked_total", "Times that the event loop did not run for more than a second.")
        self._blocked_seconds = Counter("natya_loop_blocked_seconds_total", "Time that the loop did not run, of these.")
        self._info = Gauge(
            "natya_node_info", "Always 1; the labels say which node and version this is.", ("node", "version")
        )
        self._info.set(1, node, VERSION)
        self._families = [found for found in vars(self).values() if isinstance(found, Counter | Gauge | Histogram)]
        self._partitions = Partitions()
        self._turns_of: dict[Key, tuple[Tally, Distribution]] = {}
        self._queries_of: dict[Key, tuple[Tally, Distribution]] = {}
        self._batches_of: dict[str, tuple[Tally, Distribution, Distribution, Distribution]] = {}
        self._handlers: dict[type[e.Event], Callable[[Any], None]] = {
            e.TurnFinished: self._turn_finished,
            e.QueryFinished: self._query_finished,
            e.BatchCommitted: self._batch_committed,
            e.PartitionGauges: self._partitions.told,
            e.NodeGauges: self._node_gauges,
            e.PartitionRecovered: self._partition_recovered,
            e.PartitionReleased: self._partition_released,
            e.SnapshotsWritten: self._snapshots_written,
            e.LeaseLost: self._lease_lost,
            e.Connection: self._connection,
            e.LoopBlocked: self._loop_blocked,
            e.HandlerFailed: lambda event: self._failures.add(event.kind, event.method),
            e.AppendRetried: lambda event: self._append_retries.add(event.kind),
            e.Fenced: lambda event: self._fenced.add(event.kind),
            e.PartitionClaimed: lambda event: self._claimed.add(event.kind, "true" if event.forced else "false"),
            e.JournalLost: lambda event: self._journal_lost.add(event.kind),
            e.ActorActivated: lambda event: self._activations.add(event.kind, event.source),
            e.ActorPassivated: lambda event: self._passivations.add(event.kind),
            e.ActorNotLoaded: lambda event: self._not_loaded.add(event.kind),
            e.TellRetried: lambda event: self._tell_retries.add(event.kind),
            e.DeadLettered: lambda event: self._dead.add(event.kind, _outcome(event.slug)),
            e.OutgoingRetried: lambda event: self._outgoing_retries.add(event.kind),
            e.SnapshotsFailed: lambda event: self._snapshot_failures.add(event.kind),
            e.MemberJoined: lambda event: self._joins.add(),
            e.MemberEnded: lambda event: self._ends.add(),
            e.HandedOver: lambda event: self._handed.add(event.kind),
        }

    def __call__(self, event: e.Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    @property
    def families(self) -> list[Family]:
        """Every metric there is, as of now."""
        return [*self._families, *self._partitions.families]

    def collect(self) -> Iterable[Metric]:
        return [family.collect() for family in self.families]

    def registry(self) -> CollectorRegistry:
        """A new registry with these metrics alone."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def handled(self, kind: str) -> tuple[int, int, float]:
        """Commands and queries of a kind so far: how many, how many of them did not end well, and how long they ran."""
        count, bad, seconds = 0.0, 0.0, 0.0
        for counts, times in ((self.turns, self.turn_seconds), (self.queries, self.query_seconds)):
            for (its, _, outcome), tally in counts.children():
                if its == kind:
                    count += tally.value
                    bad += 0 if outcome == "ok" else tally.value
            seconds += sum(child.sum for (its, _), child in times.children() if its == kind)
        return int(count), int(bad), seconds

    def _turn_finished(self, event: e.TurnFinished) -> None:
        key = (event.kind, event.method, event.outcome)
        found = self._turns_of.get(key)
        if found is None:
            found = _remember(self._turns_of, key, self.turns, self.turn_seconds)
        found[0].value += 1
        found[1].observe(event.seconds)

    def _query_finished(self, event: e.QueryFinished) -> None:
        key = (event.kind, event.method, event.outcome)
        found = self._queries_of.get(key)
        if found is None:
            found = _remember(self._queries_of, key, self.queries, self.query_seconds)
        found[0].value += 1
        found[1].observe(event.seconds)

    def _batch_committed(self, event: e.BatchCommitted) -> None:
        found = self._batches_of.get(event.kind)
        if found is None:
            kind = event.kind
            found = self._batches_of[kind] = (
                self._commits.child(kind), self._batch_turns.child(kind),
                self._batch_bytes.child(kind), self._append.child(kind),
            )  # fmt: skip
        commits, turns, size, seconds = found
        commits.value += 1
        turns.observe(event.turns)
        size.observe(event.size)
        seconds.observe(event.seconds)

    def _partition_recovered(self, event: e.PartitionRecovered) -> None:
        self._recovery.child(event.kind).observe(event.seconds)
        self._partitions.recovered(event.kind, event.partition)

    def _partition_released(self, event: e.PartitionReleased) -> None:
        self._released.add(event.kind, event.reason)
        self._partitions.released(event.kind, event.partition)

    def _snapshots_written(self, event: e.SnapshotsWritten) -> None:
        self._snapshot_seconds.child(event.kind).observe(event.seconds)
        self._snapshots.add(event.kind, amount=event.documents)

    def _node_gauges(self, event: e.NodeGauges) -> None:
        self._loop_lag.set(event.loop_lag)
        self._lease_left.set(event.lease_left)

    def _lease_lost(self, event: e.LeaseLost) -> None:
        self._leases_lost.add()
        self._lease_left.set(0)

    def _connection(self, event: e.Connection) -> None:
        up = event.state == "connected"
        self._connected.set(1 if up else 0)
        if not up:
            self._disconnects.add()

    def _loop_blocked(self, event: e.LoopBlocked) -> None:
        self._blocked.add()
        self._blocked_seconds.add(amount=event.seconds)


def _outcome(slug: str) -> str:
    """The label for an outcome: slugs of a `Reject` are the users' and may be any number."""
    return slug if slug in OUTCOMES else REJECTED


def _remember(
    known: dict[Key, tuple[Tally, Distribution]], key: Key, counts: Counter, times: Histogram
) -> tuple[Tally, Distribution]:
    kind, method, outcome = key
    if len(known) >= _KNOWN_LIMIT:
        known.clear()
    found = known[key] = (counts.child(kind, method, _outcome(outcome)), times.child(kind, method))
    return found
