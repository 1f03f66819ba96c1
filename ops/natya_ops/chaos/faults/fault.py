"""What a fault is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from random import Random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from natya_ops.chaos.ground import Ground


class Fault(Protocol):
    """A way to break a platform. It has no state of its own: what is broken is remembered by the `Ground`.

    Strikes may overlap in time, also of one fault on one target: what two have broken is whole again when both are healed.
    """

    @property
    def name(self) -> str:
        """How it is asked for: ``kill``, ``stop``, …"""
        ...

    @property
    def summary(self) -> str:
        """One line for help and reports."""
        ...

    def possible(self, ground: Ground) -> str | None:
        """None, or why it is not possible on this ground."""
        ...

    def strike(self, ground: Ground, random: Random) -> AbstractAsyncContextManager[str]:
        """Break something on entry, and yield what and how (``worker-2 (pid 4711)``); heal it on exit.

        Everything that is chosen is chosen from ``random``, always with the same number of draws for the same choices, so a
        seed repeats it. A target that does not run at the moment is waited for. The exit returns when what was broken runs
        again as a process; whether it answers is for others to see.
        """
        ...
