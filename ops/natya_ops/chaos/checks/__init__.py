"""What is checked after a run: each promise in a file of its own. `examine` makes all checks."""

from __future__ import annotations

from natya_ops.chaos.checks.answers import check_answers
from natya_ops.chaos.checks.effects import check_effects
from natya_ops.chaos.checks.enough import check_enough
from natya_ops.chaos.checks.evidence import Entry, Evidence, Minimum, Stored
from natya_ops.chaos.checks.histories import check_histories
from natya_ops.chaos.checks.journals import Journals
from natya_ops.chaos.checks.order import check_order
from natya_ops.chaos.checks.outbox import check_outbox
from natya_ops.chaos.checks.transfers import check_transfers
from natya_ops.chaos.checks.verdict import Verdict

__all__ = [
    "Entry",
    "Evidence",
    "Journals",
    "Minimum",
    "Stored",
    "Verdict",
    "check_answers",
    "check_effects",
    "check_enough",
    "check_histories",
    "check_order",
    "check_outbox",
    "check_transfers",
    "examine",
]


def examine(evidence: Evidence) -> list[Verdict]:
    """All verdicts, in the order in which a person wants to read them."""
    journals = Journals(evidence.journals)
    return [
        check_effects(evidence, journals),
        check_transfers(evidence, journals),
        check_histories(evidence, journals),
        check_order(evidence, journals),
        check_outbox(evidence, journals),
        check_answers(evidence),
        check_enough(evidence),
    ]
