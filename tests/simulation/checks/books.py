"""Books: every line once and at its place, in an order that agrees with real time, and what it set off once."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf

import orjson

from natya_ops.chaos.record import Operation, Outcome, Verb
from simulation.checks.final import Final
from simulation.stage import Stage
from simulation.workload import BOOKS

NEVER_WRITE = frozenset({"fail", "refuse"})
"""Methods that take back what they have written."""


@dataclass(slots=True)
class Intention:
    """One line that somebody wanted to write: all operations with its id together, and what was heard of it. ``count`` is the
    place that an answer has named."""

    line: str
    key: str
    method: str
    begun: float
    told: bool
    ended: float = inf
    outcomes: set[Outcome] = field(default_factory=set)
    counts: set[int] = field(default_factory=set)
    parent: Intention | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Somebody saw the book with ``count`` lines, or wrote the line of that number."""

    begun: float
    ended: float
    count: int
    what: str
    wrote: bool


def check_books(stage: Stage, operations: list[Operation], final: Final) -> Iterator[str]:
    wanted = {intention.line: intention for intention in _intentions(operations)}
    dead = Counter(line for stored in stage.network.dead_letters if (line := _line_of(stored.data)))
    passed = Counter(orjson.loads(stored.data)["line"] for stored in stage.network.events)
    for key in BOOKS:
        lines: list[str] = final["book", key]["state"]["lines"]
        yield from _check_lines(key, lines, wanted)
        places = {line: place for place, line in enumerate(lines, 1)}
        mine = [intention for intention in wanted.values() if intention.key == key]
        for intention in mine:
            yield from _check_outcome(intention, places.get(intention.line, 0), dead[intention.line])
        yield from _check_reads(key, lines, operations)
        yield from _check_order(key, [*_writes(mine, places), *_sights(key, operations, wanted)])
        yield from _check_tells(key, [i for i in mine if i.told and Outcome.OK in i.outcomes], places)
        yield from _check_consequences(mine, places, final, dead, passed)


def _intentions(operations: list[Operation]) -> Iterable[Intention]:
    found: dict[str, Intention] = {}
    for op in operations:
        if op.kind != "book" or "line" not in op.arguments:
            continue
        line = op.arguments["line"]
        intention = found.get(line)
        if intention is None:
            intention = found[line] = Intention(line, op.key, op.method, op.begun, op.verb is Verb.TELL)
        intention.outcomes.add(op.outcome)
        if op.outcome is Outcome.OK:
            intention.ended = min(intention.ended, op.ended)
            if op.verb is Verb.ASK:
                intention.counts.add(op.result["count"])
        if op.method in ("forward", "pass_on"):
            to = op.arguments["to"]
            there = found.setdefault(
                f"{line}>{to}", Intention(f"{line}>{to}", to, "write", op.begun, True, parent=intention)
            )
            there.outcomes.add(Outcome.UNKNOWN)
            if op.method == "forward" and op.outcome is Outcome.OK:
                there.counts.add(op.result["there"])
                there.ended = min(there.ended, op.ended)
    return found.values()


def _line_of(dead_letter: bytes) -> str:
    body = orjson.loads(orjson.loads(dead_letter)["body"] or "{}")
    line: str = body.get("line", "")
    return line


def _check_lines(key: str, lines: list[str], wanted: dict[str, Intention]) -> Iterator[str]:
    for line, times in Counter(lines).items():
        if times > 1:
            yield f"{line} was written {times} times into {key}"
        if line not in wanted or wanted[line].key != key:
            yield f"{key} has the line {line!r}, which nobody wanted there"


def _check_outcome(intention: Intention, place: int, dead: int) -> Iterator[str]:
    outcomes, line = intention.outcomes, f"{intention.method} {intention.line} to {intention.key}"
    acknowledged = Outcome.OK in outcomes
    if intention.told:
        happened = (place > 0) + dead
        if happened > 1 or (acknowledged and not happened):
            yield f"{line}, told {'and stored' if acknowledged else 'perhaps'}: written {place > 0}, dead letters {dead}"
    elif acknowledged and not place:
        yield f"{line} was acknowledged and is lost"
    if intention.counts and intention.counts != {place}:
        yield f"{line} was answered to be at {sorted(intention.counts)} and is at {place}"
    if place and (intention.method in NEVER_WRITE or not outcomes & {Outcome.OK, Outcome.UNKNOWN}):
        yield f"{line} was refused or failed, and is written at {place}"


def _check_reads(key: str, lines: list[str], operations: list[Operation]) -> Iterator[str]:
    for op in operations:
        asked = op.verb is Verb.QUERY and (op.kind, op.key) == ("book", key) and op.outcome is Outcome.OK
        if asked and op.result != lines[: len(op.result)]:
            yield f"a read of {key} begun at {op.begun:.6f} saw {op.result}, which never was: in the end there is {lines}"


def _writes(intentions: list[Intention], places: dict[str, int]) -> Iterator[Sight]:
    for intention in intentions:
        if place := places.get(intention.line):
            ended = inf if intention.told and intention.parent is None else intention.ended
            yield Sight(intention.begun, ended, place, intention.line, wrote=True)


def _sights(key: str, operations: list[Operation], wanted: dict[str, Intention]) -> Iterator[Sight]:
    for op in operations:
        if (op.kind, op.key) != ("book", key):
            continue
        if op.verb is Verb.QUERY and op.outcome is Outcome.OK:
            yield Sight(op.begun, op.ended, len(op.result), "a read", wrote=False)
        elif op.method == "refuse" and op.outcome is Outcome.REFUSED:
            yield Sight(wanted[op.arguments["line"]].begun, op.ended, op.result["count"], "a refusal", wrote=False)


def _check_order(key: str, sights: list[Sight]) -> Iterator[str]:
    """What had ended before another began was seen by it."""
    ended: list[tuple[float, int, Sight]] = []
    latest: Sight | None = None
    for number, sight in enumerate(sorted(sights, key=lambda sight: sight.begun)):
        while ended and ended[0][0] < sight.begun:
            before = heapq.heappop(ended)[2]
            if latest is None or before.count > latest.count:
                latest = before
        if latest is not None and (sight.count < latest.count or (sight.wrote and sight.count == latest.count)):
            yield (
                f"{key}: {sight.what} begun at {sight.begun:.6f} is at {sight.count}, though {latest.what} was at "
                f"{latest.count} and had ended at {latest.ended:.6f}"
            )
        heapq.heappush(ended, (sight.ended, number, sight))


def _check_tells(key: str, tells: list[Intention], places: dict[str, int]) -> Iterator[str]:
    """Tells take effect in the order in which they were stored."""
    written = [tell for tell in tells if tell.line in places]
    for first in written:
        for second in written:
            if first.ended < second.begun and places[first.line] > places[second.line]:
                yield f"{key}: {first.line} was stored before {second.line} was told, and is written behind it"


def _check_consequences(
    intentions: list[Intention], places: dict[str, int], final: Final, dead: Counter[str], passed: Counter[str]
) -> Iterator[str]:
    """A line that is passed on arrives once and is announced once; one that is not written sets nothing off."""
    books = defaultdict(set, {key: set(final["book", key]["state"]["lines"]) for key in BOOKS})
    for intention in intentions:
        if intention.method != "pass_on":
            continue
        written = intention.line in places
        arrived = sum(
            (line in book) + dead[line] for to, book in books.items() if (line := f"{intention.line}>{to}")
        )  # fmt: skip
        if arrived != written or passed[intention.line] != written:
            yield (
                f"{intention.line} is {'' if written else 'not '}written in {intention.key}, arrived {arrived} times where it "
                f"was passed on to, and was announced {passed[intention.line]} times"
            )
