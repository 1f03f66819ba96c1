"""The ports over plain memory: the default in unit tests, what users' own tests run on, and what simulation runs on.

One `MemoryBroker` is the server; each node of a test has a `MemoryBus` to it, and over that its journal, mail, events and registry.
"""

from natya.memory.broker import MemoryBroker
from natya.memory.bus import MemoryBus
from natya.memory.clock import ManualClock, SeededIds
from natya.memory.events import MemoryEvents
from natya.memory.faults import Faults
from natya.memory.journal import MemoryJournal
from natya.memory.listings import MemoryListings
from natya.memory.mail import MemoryMail
from natya.memory.records import MemoryRecords
from natya.memory.registry import MemoryRegistry
from natya.memory.snapshots import MemorySnapshots
from natya.memory.store import MemoryStore
from natya.memory.stream import Stored

__all__ = [
    "Faults",
    "ManualClock",
    "MemoryBroker",
    "MemoryBus",
    "MemoryEvents",
    "MemoryJournal",
    "MemoryListings",
    "MemoryMail",
    "MemoryRecords",
    "MemoryRegistry",
    "MemorySnapshots",
    "MemoryStore",
    "SeededIds",
    "Stored",
]
