"""Checks of what is there in the end, and of answers that nobody should get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson

from natya.errors import Internal
from natya.telemetry.events import HandlerFailed, JournalLost
from natya_ops.chaos.record import Operation, Outcome
from simulation.stage import Stage
from simulation.workload import ENDOWMENT, PURSES

Final: TypeAlias = dict[tuple[str, str], dict[str, Any]]
"""(kind, key) → ``{"version": n, "state": {…}}`` at the end of the run."""

FAIL = frozenset({"fail", "stumble"})
"""Methods that raise. Others are ``internal`` only if a message was counted as one that ends its process: it was so often running
when a node lost its connection or its lease."""


def check_errors(stage: Stage, operations: list[Operation]) -> Iterator[str]:
    """A failure has a reason that is the caller's or the handler's own, and no partition thinks that its journal is broken."""
    for op in operations:
        counted = isinstance(op.result, dict) and "attempts" in op.result
        if op.error == "internal" and op.method not in {*FAIL, "forward"} and not counted:
            yield f"{op.id} {op.kind}/{op.key}.{op.method} failed by itself: {op.result}"
        if op.outcome is Outcome.FAILED and op.error not in ("NoResponders", "Disconnected"):
            yield f"{op.id} {op.kind}/{op.key}.{op.method} failed with {op.error}: {op.result}"
    for who, event in stage.trace.events():
        if isinstance(event, JournalLost):
            yield f"{who} believes the journal lost: {event}"
        if isinstance(event, HandlerFailed) and event.method not in FAIL and not isinstance(event.error, Internal):
            yield f"{who}: a handler failed by itself: {event.error!r}"


def check_purses(operations: list[Operation], final: Final) -> Iterator[str]:
    """Money is neither made nor lost by paying."""
    balances = {key: final["purse", key]["state"]["balance"] for key in PURSES}
    if sum(balances.values()) != ENDOWMENT * len(PURSES):
        yield f"the purses hold {balances}: that is {sum(balances.values())}, not {ENDOWMENT * len(PURSES)}"


def check_documents(stage: Stage, final: Final) -> Iterator[str]:
    """The store has, after all is written, what the owners have."""
    for (kind, key), found in final.items():
        document = stage.store.document(kind, key)
        if document is None:
            if found["version"]:
                yield f"{kind}/{key} is at version {found['version']}, and the store has no document"
            continue
        state = None if document.state is None else orjson.loads(document.state)
        if document.version != found["version"] or state not in (None, found["state"]):
            yield f"{kind}/{key} is {found}, but its document is of version {document.version}: {state}"
