"""The numbers of a run: throughput and latency over time, recovery by fault, what came of each kind of operation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from natya_ops.chaos.observe import FROM_HEAL, Seen
from natya_ops.chaos.record import Operation, Outcome
from natya_ops.chaos.run import Result

BINS: Final = 240
"""At most so many points over time; each is a second at least."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The operations that ended between ``start`` and ``start + width``: how many a second, by outcome, and the latencies, in seconds, of
    those that were answered (None if none was). What nobody knows the end of counts when its caller gave up."""

    start: float
    width: float
    ok: float
    refused: float
    unanswered: float
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """All strikes of one fault. ``aim`` is how long recovery should take at most, in seconds, where that is promised; ``since`` says from
    when it counts, ``strike`` or ``heal``. ``times`` are the recoveries of those that were alone, sorted; ``mixed`` of those during which something
    else was broken, too: they say little of this fault. ``never`` did not recover. ``slowest`` is the longest that any client
    waited for an answer meanwhile, in seconds."""

    fault: str
    since: str
    aim: float | None
    strikes: int
    times: tuple[float, ...]
    mixed: tuple[float, ...]
    never: int
    slowest: float


@dataclass(frozen=True, slots=True)
class Way:
    """What came of the operations of one verb through one entrance. Latencies are seconds; ``repeated`` counts the operations that
    took more than one attempt."""

    verb: str
    via: str
    operations: int
    ok: int
    refused: int
    failed: int
    unknown: int
    repeated: int
    p50: float | None
    p99: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them. The load's own operations alone are counted in ``moments`` and ``ways``: probes are for recovery."""

    moments: tuple[Moment, ...]
    recoveries: tuple[Recovery, ...]
    ways: tuple[Way, ...]
    slowest: tuple[float, ...]
    """For each strike, in the order of the result: as in `Recovery`."""

    @property
    def operations(self) -> int:
        return sum(way.operations for way in self.ways)

    @property
    def unanswered(self) -> int:
        """How many callers were told of an error that is not theirs, or nothing."""
        return sum(way.failed + way.unknown for way in self.ways)

    @property
    def repeated(self) -> int:
        return sum(way.repeated for way in self.ways)

    @property
    def quiet_p99(self) -> float | None:
        """The median over time of the 99th percentile of latency, which a short disturbance hardly moves."""
        found = sorted(moment.p99 for moment in self.moments if moment.p99 is not None)
        return at(found, 0.5)


def figures_of(result: Result) -> Figures:
    """Reckon them."""
    load = [each for each in result.recorder.operations if each.client]
    slowest = tuple(_slowest(seen, load) for seen in result.seen)
    return Figures(
        tuple(_moments(load, result.unloaded, result.options.patience)),
        tuple(_recoveries(result.seen, slowest, result.place["lease_ttl"])),
        tuple(_ways(load)),
        slowest,
    )


def at(ordered: Sequence[float], part: float) -> float | None:
    """The nearest-rank percentile of a sorted sequence; None if it is empty."""
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)] if ordered else None


def alone(seen: Seen, others: Iterable[Seen]) -> bool:
    """Whether nothing else was broken, or still recovering, while this recovered."""
    begun, ended = seen.called, min(_end(seen), seen.strike.recovered)
    return all(other is seen or other.called > ended or _end(other) < begun for other in others)


def _end(seen: Seen) -> float:
    """When it was over: healed, and recovered if it ever did."""
    strike = seen.strike
    return max(strike.healed, strike.recovered) if math.isfinite(strike.recovered) else strike.healed


def _slowest(seen: Seen, load: Sequence[Operation]) -> float:
    """The longest latency of what was answered while the strike lasted."""
    begun, ended = seen.called, _end(seen)
    return max(
        (_latency(each) for each in load if _answered(each) and each.begun < ended and each.ended > begun), default=0.0
    )


def _answered(operation: Operation) -> bool:
    return operation.outcome in (Outcome.OK, Outcome.REFUSED)


def _latency(operation: Operation) -> float:
    return operation.ended - operation.begun


def _moments(load: Sequence[Operation], seconds: float, patience: float) -> Iterable[Moment]:
    width = max(1.0, seconds / BINS)
    count = max(1, round(seconds / width))
    bins: defaultdict[int, list[Operation]] = defaultdict(list)
    for each in load:
        end = each.ended if math.isfinite(each.ended) else each.begun + patience
        bins[min(int(end / width), count - 1)].append(each)
    for number in range(count):
        ended, start = bins[number], number * width
        wide = width if number < count - 1 else max(0.5, seconds - start)  # the last one lasts to the end
        latencies = sorted(_latency(each) for each in ended if _answered(each))
        ok, refused = (sum(each.outcome is outcome for each in ended) for outcome in (Outcome.OK, Outcome.REFUSED))
        yield Moment(
            start,
            wide,
            ok / wide,
            refused / wide,
            (len(ended) - ok - refused) / wide,
            at(latencies, 0.5),
            at(latencies, 0.99),
        )


def _aim(fault: str, lease_ttl: float) -> float | None:
    """A process that dies is noticed at once; one that is stopped or cut off when its lease has ended."""
    return {"kill": 0.2, "stop": lease_ttl + 1, "partition": lease_ttl + 1, "nats": 2.0}.get(fault)


def _recoveries(all_seen: Sequence[Seen], slowest: Sequence[float], lease_ttl: float) -> Iterable[Recovery]:
    for fault in sorted({seen.strike.fault for seen in all_seen}):
        own = [(seen, slow) for seen, slow in zip(all_seen, slowest, strict=True) if seen.strike.fault == fault]
        finished = [seen for seen, _ in own if math.isfinite(seen.recovery)]
        yield Recovery(
            fault,
            "heal" if fault in FROM_HEAL else "strike",
            _aim(fault, lease_ttl),
            len(own),
            tuple(sorted(seen.recovery for seen in finished if alone(seen, all_seen))),
            tuple(sorted(seen.recovery for seen in finished if not alone(seen, all_seen))),
            len(own) - len(finished),
            max(slow for _, slow in own),
        )


def _ways(load: Sequence[Operation]) -> Iterable[Way]:
    for verb, via in sorted({(each.verb.value, each.via) for each in load}):
        own = [each for each in load if (each.verb.value, each.via) == (verb, via)]
        latencies = sorted(_latency(each) for each in own if _answered(each))
        ok, refused, failed, unknown = (sum(each.outcome is outcome for each in own) for outcome in Outcome)
        yield Way(
            verb, via, len(own), ok, refused, failed, unknown, sum(each.attempts > 1 for each in own),
            at(latencies, 0.5), at(latencies, 0.99), latencies[-1] if latencies else None,
        )  # fmt: skip
