"""The account of a run: every operation of the workload, on one clock."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from natya_ops.chaos.record import Operation, Outcome, Verb


class Recorder:
    """``operations`` in the order in which they were begun. ``troubles`` counts, by reason, the attempts that had to be repeated:
    what callers would have seen without the protocol's retry."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self.began_at = time.time()
        self.operations: list[Operation] = []
        self.troubles: Counter[str] = Counter()
        self.ended: Counter[Outcome] = Counter()

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._zero

    def begin(
        self, client: int, via: str, verb: Verb, kind: str, key: str, method: str, id: str, arguments: dict[str, Any]
    ) -> Operation:
        """Note that an operation begins now, before anything of it is sent."""
        operation = Operation(client, via, verb, kind, key, method, id, self.now(), arguments)
        self.operations.append(operation)
        return operation

    def end(self, operation: Operation, outcome: Outcome, result: Any, error: str) -> None:
        """Note how it ended, after the answer has been read. What is unknown has no end: its effect may come later still."""
        if outcome is not Outcome.UNKNOWN:
            operation.ended = self.now()
        operation.outcome, operation.result, operation.error = outcome, result, error
        self.ended[outcome] += 1

    @property
    def answered(self) -> int:
        """How many got their answer, a *no* being one."""
        return self.ended[Outcome.OK] + self.ended[Outcome.REFUSED]

    @property
    def unanswered(self) -> int:
        """How many failed, or ended with nobody knowing how."""
        return self.ended[Outcome.FAILED] + self.ended[Outcome.UNKNOWN]

    @property
    def waiting(self) -> int:
        """How many are under way."""
        return len(self.operations) - self.ended.total()
