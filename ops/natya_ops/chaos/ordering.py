"""The search for an order that explains the history of one actor.

**Configurations.** One is: which operations are placed, and the model's state after them. Operations are kept in two rows,
each sorted by beginning: *closed* ones, whose end is known, and *open* ones, which may take effect at any time after their
beginning. What is placed of a row is a number ``low`` (all before it are) and the bits of a *window* behind it. So a
configuration is small, however long the history, and the set of those visited fits in memory.

**What may come next**: each operation that began no later than the *horizon*, the earliest end among the closed ones that
are not placed.

**Which is tried first.** An operation with a known answer is *sighted*: the model says whether it fits. A *blind* one, without
an answer, fits almost always: a search that just goes deep would apply all of them. So configurations are taken from a heap,
first those that are *past* most ends: all closed operations up to that end are placed. Other placed operations do not count,
because after a wrong step many may fit, but not the one that is due. Each blind step since the last that came past an end
costs as much as ``BLIND`` of them (of 4, 8, 16 and 32, 16 did best: with 8 some histories of 4,000 took ten times as long).

**What is not tried.** A query or refusal that fits is placed at once, alone: it changes nothing, so whatever order there is
also exists with it in this place. Of equal operations only the one that ends first, or of open ones began first, is tried:
any order may swap them. A blind one is not tried where an equal sighted one fits and leads to the same state.
"""

from __future__ import annotations

import heapq
import time
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import orjson

from natya_ops.chaos.models import Model, sees
from natya_ops.chaos.record import Operation, Outcome, Verb

BLIND = 16
TIME_EVERY = 256
"""Steps between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of one search: steps (configurations looked at: about 500 bytes of memory and 50 µs each), and seconds."""

    steps: int = 500_000
    seconds: float = 30.0


USUAL = Limit()


@dataclass(frozen=True, slots=True)
class Ordering:
    """How a search ended. ``found`` is None if it reached its bound. ``order`` is the order found, else the one that placed most;
    ``stuck`` are the operations one of which would have to be next then, ``state`` the model's state."""

    found: bool | None
    steps: int
    order: list[Operation]
    stuck: list[Operation]
    state: Hashable


Path = tuple["Path", Operation] | None
"""The operations placed so far, the last one first."""


class Node(NamedTuple):
    """A configuration on the heap, the least cost first, and of equal cost the newest. ``past``: ends that it is past; ``blind``:
    blind steps since then; ``left``: sighted operations not placed; ``placed``: operations placed that must be."""

    cost: int
    serial: int
    low: int
    window: int
    open_low: int
    open_window: int
    state: Hashable
    blind: int
    past: int
    left: int
    placed: int
    path: Path


class Move(NamedTuple):
    """An operation that may come next, its place in its row, and the state after it."""

    operation: Operation
    place: int
    open: bool
    blind: bool
    state: Hashable


def is_open(operation: Operation) -> bool:
    """Whether it may take effect at any time after its beginning."""
    return not sees(operation) or operation.ended == inf


def find_order(model: Model, history: Sequence[Operation], limit: Limit = USUAL) -> Ordering:
    """Find an order of one actor's ``history``, which has no failed operations and no two of one id."""
    return _Search(model, history, limit).run()


@dataclass(slots=True)
class _Row:
    """Operations sorted by beginning. ``act`` and ``label`` number equal calls, and equal calls with equal answers; ``twin`` is
    for each operation the place of the last one before it with its label, or -1."""

    operations: list[Operation]
    begun: list[float] = field(init=False)
    act: list[int] = field(init=False)
    label: list[int] = field(init=False)
    twin: list[int] = field(init=False)

    def number(self, model: Model, acts: dict[Hashable, int], labels: dict[Hashable, int]) -> None:
        self.begun = [operation.begun for operation in self.operations]
        self.act, self.label, self.twin = [], [], []
        last: dict[int, int] = {}
        for place, operation in enumerate(self.operations):
            act = acts.setdefault(model.call(operation), len(acts))
            seen = None
            if sees(operation):
                seen = orjson.dumps([operation.verb.value, operation.result, operation.error], option=orjson.OPT_SORT_KEYS)
            label = labels.setdefault((act, operation.outcome, seen), len(labels))
            self.act.append(act)
            self.label.append(label)
            self.twin.append(last.get(label, -1))
            last[label] = place


def _unplaced(low: int, window: int, size: int) -> Iterator[int]:
    """The places of a row that are not placed, in order."""
    width = window.bit_length()
    free = window ^ ((1 << width) - 1)
    while free:
        bit = free & -free
        yield low + bit.bit_length() - 1
        free ^= bit
    yield from range(low + width, size)


def _put(low: int, window: int, place: int) -> tuple[int, int]:
    """The row with ``place`` placed as well."""
    window |= 1 << (place - low)
    if window & 1:
        full = (~window & (window + 1)).bit_length() - 1
        return low + full, window >> full
    return low, window


def _is_placed(low: int, window: int, place: int) -> bool:
    return place < low or bool(window >> (place - low) & 1)


class _Search:
    def __init__(self, model: Model, history: Sequence[Operation], limit: Limit) -> None:
        self._model = model
        self._limit = limit
        ordered = sorted(history, key=lambda operation: operation.begun)
        self._closed = _Row([operation for operation in ordered if not is_open(operation)])
        self._open = _Row([operation for operation in ordered if is_open(operation)])
        acts: dict[Hashable, int] = {}
        labels: dict[Hashable, int] = {}
        self._closed.number(model, acts, labels)
        self._open.number(model, acts, labels)
        self._sighted = sum(1 for operation in ordered if sees(operation))
        self._required = sum(1 for operation in ordered if operation.outcome is not Outcome.UNKNOWN)
        key = ordered[0].key if ordered else ""
        self._heap = [Node(0, 0, 0, 0, 0, 0, model.initial(key), 0, 0, self._sighted, 0, None)]
        operations = self._closed.operations
        self._by_end = sorted(range(len(operations)), key=lambda place: operations[place].ended)
        self._seen: set[tuple[int, int, int, int, Hashable]] = set()
        self._best = self._heap[0]

    def run(self) -> Ordering:
        """Look at one configuration after the other."""
        deadline = time.monotonic() + self._limit.seconds
        steps = 0
        while self._heap:
            node = heapq.heappop(self._heap)
            if node.placed > self._best.placed:
                self._best = node
            if node.placed == self._required:
                return self._end(True, steps)
            if steps == self._limit.steps or (steps % TIME_EVERY == TIME_EVERY - 1 and time.monotonic() > deadline):
                return self._end(None, steps)
            steps += 1
            self._expand(node)
        return self._end(False, steps)

    def _expand(self, node: Node) -> None:
        due, horizon = self._due(node)
        moves = self._sighted_moves(node, due, horizon)
        if not (len(moves) == 1 and _changes_nothing(moves[0], node.state)):
            moves += self._blind_moves(node, horizon, {(self._act(move), move.state) for move in moves})
        for move in reversed(moves):
            self._push(node, move)

    def _push(self, node: Node, move: Move) -> None:
        low, window, open_low, open_window = node.low, node.window, node.open_low, node.open_window
        if move.open:
            open_low, open_window = _put(open_low, open_window, move.place)
        else:
            low, window = _put(low, window, move.place)
        configuration = (low, window, open_low, open_window, move.state)
        if configuration in self._seen:
            return
        self._seen.add(configuration)
        placed = node.placed + (move.operation.outcome is not Outcome.UNKNOWN)
        left = node.left - (not move.blind)
        past = node.past
        while past < len(self._by_end) and _is_placed(low, window, self._by_end[past]):
            past += 1
        blind = (node.blind if past == node.past else 0) + (move.blind and left > 0)
        path = (node.path, move.operation)
        heapq.heappush(
            self._heap, Node(BLIND * blind - past, -len(self._seen), *configuration, blind, past, left, placed, path)
        )

    def _due(self, node: Node) -> tuple[list[int], float]:
        """The places of the closed operations that may come next, and the horizon."""
        row, horizon = self._closed, inf
        due = []
        for place in _unplaced(node.low, node.window, len(row.operations)):
            if row.begun[place] > horizon:
                break
            due.append(place)
            horizon = min(horizon, row.operations[place].ended)
        return due, horizon

    def _began(self, node: Node, horizon: float) -> Iterator[int]:
        """The places of the open operations that may come next."""
        row = self._open
        for place in _unplaced(node.open_low, node.open_window, bisect_right(row.begun, horizon)):
            twin = row.twin[place]
            if _is_placed(node.open_low, node.open_window, twin):
                yield place

    def _sighted_moves(self, node: Node, due: list[int], horizon: float) -> list[Move]:
        """What fits of the operations with a known answer; one that changes nothing alone."""
        moves: list[Move] = []
        tried: set[int] = set()
        closed = self._closed
        places = [(place, False) for place in sorted(due, key=lambda place: closed.operations[place].ended)]
        places += [(place, True) for place in self._began(node, horizon) if sees(self._open.operations[place])]
        for place, opened in places:
            row = self._open if opened else closed
            if row.label[place] in tried:
                continue
            tried.add(row.label[place])
            operation = row.operations[place]
            found = [Move(operation, place, opened, False, state) for state in self._model.step(node.state, operation)]
            if len(found) == 1 and _changes_nothing(found[0], node.state):
                return found
            moves += found
        return moves

    def _blind_moves(self, node: Node, horizon: float, fitting: set[tuple[int, Hashable]]) -> list[Move]:
        """What may come next of the operations without a known answer: stored tells, in their order, then the unknown, the
        newest first. ``fitting`` are the calls that are tried anyhow, with the states they lead to."""
        row = self._open
        places = [place for place in self._began(node, horizon) if not sees(row.operations[place])]
        tells = [place for place in places if row.operations[place].outcome is not Outcome.UNKNOWN]
        unknown = [place for place in places if row.operations[place].outcome is Outcome.UNKNOWN]
        return [
            Move(row.operations[place], place, True, True, state)
            for place in (*tells, *reversed(unknown))
            for state in self._model.step(node.state, row.operations[place])
            if (row.act[place], state) not in fitting
        ]

    def _act(self, move: Move) -> int:
        return (self._open if move.open else self._closed).act[move.place]

    def _end(self, found: bool | None, steps: int) -> Ordering:
        order: list[Operation] = []
        path = self._best.path
        while path is not None:
            path, operation = path
            order.append(operation)
        stuck = [] if found else [self._closed.operations[place] for place in self._due(self._best)[0]]
        return Ordering(found, steps, order[::-1], stuck, self._best.state)


def _changes_nothing(move: Move, state: Hashable) -> bool:
    operation = move.operation
    return (operation.verb is Verb.QUERY or operation.outcome is Outcome.REFUSED) and move.state == state
