"""What came of a seed, and of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from natya.telemetry.events import PartitionClaimed
from natya_ops.chaos.record import Operation
from simulation.plan import Plan
from simulation.trace import Trace


@dataclass(slots=True)
class Report:
    """One seed's. ``violations`` are sentences: none is the good verdict. ``virtual`` and ``seconds`` are time that passed in it,
    and CPU time that it took."""

    plan: Plan
    violations: list[str]
    trace: Trace
    steps: int
    virtual: float
    seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def seed(self) -> int:
        return self.plan.seed

    def count(self, operations: list[Operation]) -> None:
        """Add up what was done, so that one can see whether it was enough."""
        self.happened.update(f"{op.verb.value} {op.outcome.value}" for op in operations)
        self.happened.update(f"fault: {strike.fault}" for strike in self.plan.strikes)
        for _, event in self.trace.events():
            name = type(event).__name__
            if isinstance(event, PartitionClaimed):
                name = "PartitionClaimed by force" if event.forced else "PartitionClaimed"
            self.happened[f"event: {name}"] += 1

    def lines(self) -> Iterator[str]:
        """Everything, for the person who looks for the cause."""
        yield from self.plan.lines()
        yield from self.trace.lines()
        yield f"seed {self.seed}: {self.steps} steps in {self.virtual:.3f} virtual seconds; trace {self.trace.digest()}"
        for violation in self.violations:
            yield f"VIOLATION {violation}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What is left of a report when it has crossed from another process."""

    seed: int
    violations: list[str]
    digest: str
    steps: int
    virtual: float
    seconds: float
    happened: Counter[str]

    @classmethod
    def of(cls, report: Report) -> Summary:
        digest = report.trace.digest() if report.violations else ""
        return cls(report.seed, report.violations, digest, report.steps, report.virtual, report.seconds, report.happened)
