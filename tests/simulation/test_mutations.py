"""The simulation finds bugs: each rule of the runtime that is taken away is missed within a bounded number of seeds."""

from __future__ import annotations

from itertools import count, islice

import pytest

from simulation.mutations import MUTATIONS, Break
from simulation.plan import Plan
from simulation.run import run

SEEDS = 150


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "fault"), MUTATIONS.items(), ids=[broken.__name__ for broken in MUTATIONS])
def test_a_broken_rule_is_noticed(broken: Break, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    fitting = (seed for seed in count(1) if not fault or fault in {strike.fault for strike in Plan.of(seed).strikes})
    assert any(run(seed).violations for seed in islice(fitting, SEEDS)), f"{SEEDS} seeds, and nobody has noticed"
