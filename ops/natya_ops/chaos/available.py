"""Which faults there are, and which of them can be done here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from natya_ops.chaos.faults import DEFAULT, FAULTS
from natya_ops.chaos.ground import Ground
from natya_ops.chaos.ground.limits import FullJournals
from natya_ops.chaos.ground.processes import Processes
from natya_ops.chaos.ground.slow_sync import SlowSync
from natya_ops.data_folder import DataFolder


async def available(data: Path | None) -> list[dict[str, Any]]:
    """Each fault: ``name``, ``summary``, whether it is ``usual`` (done if nobody chooses), and the ``problem`` that makes it impossible on the
    ``natya up`` of the folder ``data``, or, without one, on a platform that would be started; None if it is possible. Raises
    `ConfigurationError` if none runs there."""
    if data is None:
        return _listed(_to_be_started())
    async with Ground.join(data) as ground:
        return _listed(ground)


def _listed(ground: Ground) -> list[dict[str, Any]]:
    return [
        {"name": name, "summary": fault.summary, "usual": name in DEFAULT, "problem": fault.possible(ground)}
        for name, fault in FAULTS.items()
    ]


def _to_be_started() -> Ground:
    """What faults look at to know whether they are possible, with nothing running yet."""
    nowhere = Path(os.devnull)
    return Ground(
        nats="", http="", store="", token="", data=nowhere, workers=("worker-1",), processes=Processes(DataFolder(nowhere)),
        own=True, lines={}, disk="nothing runs yet", journals=FullJournals(""), sync=SlowSync(nowhere),
    )  # fmt: skip
