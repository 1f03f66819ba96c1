"""Everything outside that the runtime uses, in one hand."""

from __future__ import annotations

from dataclasses import dataclass

from natya.clock import Clock, Ids
from natya.names import Subjects
from natya.ports.bus import Bus
from natya.ports.journal import Journal
from natya.ports.lease import Registry
from natya.ports.mail import Mail
from natya.ports.snapshots import Snapshots
from natya.settings import Settings
from natya.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class World:
    """The ports, and time, chance, settings and telemetry. ``cluster`` holds members and owners, ``kinds`` manifests."""

    settings: Settings
    subjects: Subjects
    clock: Clock
    ids: Ids
    telemetry: Telemetry
    bus: Bus
    journal: Journal
    mail: Mail
    cluster: Registry
    kinds: Registry
    snapshots: Snapshots
