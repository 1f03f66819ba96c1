"""A world for parts of the runtime that are tested alone: only what they use is in it."""

from __future__ import annotations

from typing import Any

from natya.memory import ManualClock, SeededIds
from natya.names import Subjects
from natya.runtime.world import World
from natya.settings import Settings
from natya.telemetry import Telemetry

ABSENT: Any = None


def fake_world(
    clock: ManualClock, *, settings: dict[str, Any] | None = None, telemetry: Telemetry | None = None, **ports: Any
) -> World:
    """A world on this clock; ports that are not given must not be touched."""
    names = ("bus", "journal", "mail", "cluster", "kinds", "snapshots")
    return World(
        settings=Settings.model_construct(**(settings or {})),
        subjects=Subjects(),
        clock=clock,
        ids=SeededIds(),
        telemetry=telemetry or Telemetry(),
        **{name: ports.get(name, ABSENT) for name in names},
    )
