"""A run as one JSON document: ``run.json``, and what ``--json`` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from natya_ops.bench.work import as_json
from natya_ops.chaos.report.figures import Figures
from natya_ops.chaos.run import Result


def document(result: Result, figures: Figures) -> dict[str, Any]:
    """Everything but the operations. Times are seconds since the load began; what never came is null. `docs/chaos.md` tells the shape."""
    options = result.options
    return {
        "held": result.held,
        "seed": options.seed,
        "command": options.command(result.plan.faults),
        "options": {
            "seconds": options.seconds,
            "faults": list(result.plan.faults),
            "workers": options.workers if options.data is None else None,
            "data": None if options.data is None else str(options.data),
            "clients": options.clients,
            "rate": options.rate,
            "patience": options.patience,
        },
        "began_at": result.recorder.began_at,
        "loaded": round(result.loaded, 3),
        "unloaded": round(result.unloaded, 3),
        "settled": result.settled,
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
        "operations": {
            "total": figures.operations,
            "unanswered": figures.unanswered,
            "repeated": figures.repeated,
            "by_way": [finite(asdict(way)) for way in figures.ways],
            "troubles": dict(result.recorder.troubles.most_common()),
        },
        "recovery": [finite(asdict(row)) for row in figures.recoveries],
        "plan": result.plan.document(),
        "strikes": [
            finite(asdict(seen.strike))
            | {"planned": seen.planned.number, "called": seen.called, "recovery": _finite(seen.recovery), "slowest": slowest}
            for seen, slowest in zip(result.seen, figures.slowest, strict=True)
        ],
        "skipped": result.skipped,
        "place": as_json(result.place),
    }


def finite(document: dict[str, Any]) -> dict[str, Any]:
    """The document with null for what is infinite, which JSON cannot say."""
    return {name: _finite(value) if isinstance(value, float) else value for name, value in document.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
