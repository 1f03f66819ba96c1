"""What all partitions of a node share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from natya.message import Answer, Message
from natya.runtime.gate import Gate
from natya.runtime.index import Budget
from natya.runtime.quiet import Quiet
from natya.runtime.stage import Kinds
from natya.runtime.unwritten import Load
from natya.runtime.world import World
from natya.vouch import Seal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``valid`` says whether the lease is; ``call`` asks another actor; ``turns``: see `readback`; ``seal`` is there before the first
    partition is; ``deaths``: see `View`."""

    world: World
    kinds: Kinds
    call: Callable[[Message], Coroutine[Any, Any, Answer]]
    valid: Callable[[], bool]
    gate: Callable[[str, int], Gate]
    budget: Budget
    load: Load
    quiet: Quiet
    turns: asyncio.Semaphore
    seal: Callable[[], Seal]
    deaths: Callable[[int], int]
