"""How figures look: a few colours with a meaning each, and numbers as people read them.

Charts are drawn in the colours of paper. In the page each of them is a CSS variable, so that it follows the reader's light or dark
scheme; that works because no two names have one colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

INK: Final = "#1d2733"
MUTED: Final = "#66717f"
RULE: Final = "#d9dee4"
GRID: Final = "#e9edf1"
PAPER: Final = "#ffffff"
OK: Final = "#2f7d5b"
BAD: Final = "#b93a32"
WARN: Final = "#a66a0a"
MAIN: Final = "#2b6cb0"
SECOND: Final = "#8fb4d9"
BROKEN: Final = "#d9822b"
HEALING: Final = "#f0c48f"
SHADE: Final = "#fbf1e6"

VARIABLES: Final = {
    "ink": INK, "muted": MUTED, "rule": RULE, "grid": GRID, "paper": PAPER, "ok": OK, "bad": BAD, "warn": WARN, "main": MAIN,
    "second": SECOND, "broken": BROKEN, "healing": HEALING, "shade": SHADE,
}  # fmt: skip
"""CSS variable → colour."""

FONT: Final = 9.0


@contextmanager
def drawing() -> Iterator[None]:
    """Within this, matplotlib draws in this style, the same bytes for the same figures."""
    import matplotlib

    settings: Any = {
        "svg.hashsalt": "natya", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": FONT,
        "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": RULE, "axes.linewidth": 0.8, "axes.labelsize": FONT,
        "axes.facecolor": "none", "figure.facecolor": PAPER, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": False, "grid.color": GRID, "grid.linewidth": 0.8, "axes.axisbelow": True,
        "xtick.color": RULE, "ytick.color": RULE, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
        "xtick.labelsize": FONT, "ytick.labelsize": FONT, "legend.frameon": False, "legend.fontsize": FONT,
        "lines.linewidth": 1.6, "lines.solid_capstyle": "round",
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def duration(seconds: float | None) -> str:
    """``38 ms``, ``1.24 s``, ``never``; a dash for None."""
    if seconds is None:
        return "–"
    if math.isinf(seconds):
        return "never"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def plural(count: int, noun: str) -> str:
    """``1 strike``, ``2,000 strikes``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
