"""Counters, gauges and histograms without locks.

prometheus-client takes a lock for each increment: 0.5 to 1 µs, several times a turn. These are plain numbers, changed and read
on the loop alone, and are put into prometheus-client's form when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import ItemsView, Sequence
from typing import ClassVar, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

Labels = tuple[str, ...]


class Family(Protocol):
    """One metric with all its labelled children. ``help`` is what it means, ``labels`` are the names of its labels."""

    type: ClassVar[str]

    @property
    def name(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def labels(self) -> Labels: ...

    def collect(self) -> Metric:
        """As it is now, in prometheus-client's form."""
        ...


class Tally:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


class Counter:
    """Grows until the process ends. Hot places keep the `Tally` that `child` gives."""

    type: ClassVar[str] = "counter"

    def __init__(self, name: str, help: str, labels: Labels = ()) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._children: dict[Labels, Tally] = {}
        if not labels:
            self.child()

    def child(self, *values: str) -> Tally:
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = Tally()
        return found

    def add(self, *values: str, amount: float = 1.0) -> None:
        self.child(*values).value += amount

    def value(self, *values: str) -> float:
        """The value of one child, 0 if there is none."""
        found = self._children.get(values)
        return 0.0 if found is None else found.value

    def children(self) -> ItemsView[Labels, Tally]:
        """All children by the values of their labels."""
        return self._children.items()

    def collect(self) -> Metric:
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for values, tally in self._children.items():
            family.add_metric(values, tally.value)
        return family


class Gauge:
    """Goes up and down."""

    type: ClassVar[str] = "gauge"

    def __init__(self, name: str, help: str, labels: Labels = ()) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._children: dict[Labels, float] = {} if labels else {(): 0.0}

    def set(self, value: float, *values: str) -> None:
        self._children[values] = value

    def value(self, *values: str) -> float | None:
        """The value of one child, None if there is none."""
        return self._children.get(values)

    def clear(self) -> None:
        """Forget all children: those that still exist are set again."""
        self._children.clear()

    def collect(self) -> Metric:
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values, value in self._children.items():
            family.add_metric(values, value)
        return family


class Distribution:
    """How many values fell between neighbouring ``bounds`` (upper ones, inclusive), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Histogram:
    """How values are distributed. Hot places keep the `Distribution` that `child` gives."""

    type: ClassVar[str] = "histogram"

    def __init__(self, name: str, help: str, bounds: Sequence[float], labels: Labels = ()) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._bounds = tuple(bounds)
        self._children: dict[Labels, Distribution] = {}

    def child(self, *values: str) -> Distribution:
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = Distribution(self._bounds)
        return found

    def children(self) -> ItemsView[Labels, Distribution]:
        """All children by the values of their labels."""
        return self._children.items()

    def collect(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for values, child in self._children.items():
            buckets, total = [], 0
            for bound, count in zip([*map(_text, self._bounds), "+Inf"], child.counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(values, buckets, child.sum)
        return family


def _text(bound: float) -> str:
    return str(float(bound))
