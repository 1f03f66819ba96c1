"""What must be true of a run, whatever has happened in it."""

from __future__ import annotations

from natya_ops.chaos.record import Operation
from simulation.checks.books import check_books
from simulation.checks.final import Final, check_documents, check_errors, check_purses
from simulation.checks.journals import check_journals
from simulation.stage import Stage


def judge(stage: Stage, operations: list[Operation], final: Final) -> list[str]:
    """Every violation, each in a sentence."""
    return [
        *check_errors(stage, operations),
        *check_books(stage, operations, final),
        *check_purses(operations, final),
        *check_journals(stage, operations, final),
        *check_documents(stage, final),
    ]


__all__ = ["Final", "judge"]
