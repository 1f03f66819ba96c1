"""Testing actors in milliseconds, without servers: the real runtime over memory, and a clock that the test owns."""

from natya.memory import Faults, ManualClock, MemorySnapshots
from natya.testing.cluster import Cluster
from natya.testing.hosted import HostedNode
from natya.testing.observed import DeadLetter, Event
from natya.testing.platform import TestPlatform, TimeStandsStill

__all__ = [
    "Cluster",
    "DeadLetter",
    "Event",
    "Faults",
    "HostedNode",
    "ManualClock",
    "MemorySnapshots",
    "TestPlatform",
    "TimeStandsStill",
]
