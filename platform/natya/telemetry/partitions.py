"""The partitions that a node serves, summed up for each kind: a series for every partition would be too many."""

from __future__ import annotations

from collections.abc import Sequence

from natya.telemetry.events import PartitionGauges
from natya.telemetry.tallies import Family, Gauge

_KIND = ("kind",)


class Partitions:
    """Remembers the last `PartitionGauges` of every partition that serves."""

    def __init__(self) -> None:
        self._serving: dict[tuple[str, int], PartitionGauges | None] = {}
        self._partitions = Gauge("natya_partitions", "Partitions that this node serves.", _KIND)
        self._residents = Gauge("natya_resident_actors", "Actors in memory.", _KIND)
        self._mailbox = Gauge("natya_mailbox_messages", "Messages that wait in mailboxes, in memory.", _KIND)
        self._behind = Gauge("natya_behind_keys", "Keys that read their mail later than the head of their partition.", _KIND)
        self._unwritten = Gauge("natya_unwritten_actors", "Actors whose last committed state has no snapshot yet.", _KIND)
        self._lag = Gauge(
            "natya_snapshot_lag_seconds",
            "Age of the oldest committed state without a snapshot; the worst partition's.",
            _KIND,
        )
        self._coverage = Gauge(
            "natya_index_coverage_seconds",
            "How far back the id index is complete, to 1970 if nothing was forgotten; the worst partition's. Older ids are not known.",
            _KIND,
        )
        self._index = Gauge("natya_index_ids", "Ids of messages in the id index.", _KIND)
        self._outgoing = Gauge("natya_outgoing_messages", "Committed messages that are not yet acknowledged as sent.", _KIND)

    def recovered(self, kind: str, partition: int) -> None:
        self._serving[kind, partition] = None

    def released(self, kind: str, partition: int) -> None:
        self._serving.pop((kind, partition), None)

    def told(self, gauges: PartitionGauges) -> None:
        """Take over the state of a partition; one that was released meanwhile stays forgotten."""
        place = (gauges.kind, gauges.partition)
        if place in self._serving:
            self._serving[place] = gauges

    @property
    def families(self) -> Sequence[Family]:
        """All metrics, as of now."""
        kinds = {kind for kind, _ in self._serving}
        every = [
            self._partitions, self._residents, self._mailbox, self._behind, self._unwritten,
            self._lag, self._coverage, self._index, self._outgoing,
        ]  # fmt: skip
        for gauge in every:
            gauge.clear()
        for kind in sorted(kinds):
            mine = [gauges for (its, _), gauges in self._serving.items() if its == kind]
            told = [gauges for gauges in mine if gauges is not None]
            self._partitions.set(len(mine), kind)
            self._residents.set(sum(gauges.residents for gauges in told), kind)
            self._mailbox.set(sum(gauges.mailbox for gauges in told), kind)
            self._behind.set(sum(gauges.behind for gauges in told), kind)
            self._unwritten.set(sum(gauges.unwritten for gauges in told), kind)
            self._index.set(sum(gauges.index for gauges in told), kind)
            self._outgoing.set(sum(gauges.outgoing for gauges in told), kind)
            if told:
                self._lag.set(max(gauges.lag for gauges in told), kind)
                self._coverage.set(min(gauges.coverage for gauges in told), kind)
        return every
