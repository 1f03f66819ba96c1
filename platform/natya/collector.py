"""Python's garbage collector in a process that serves."""

from __future__ import annotations

import gc


def tune_collector() -> None:
    """To be called when everything is there that stays. It is not looked through any more, and whoever serves makes many short-lived
    objects: the collector need not look so often. Seen: a seventh of an edge's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
