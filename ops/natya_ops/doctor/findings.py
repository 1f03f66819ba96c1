"""What an examination finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Works, but not as it should for what matters; or nothing can be said."""
    PROBLEM = "problem"
    """Something does not work, or what was promised does not hold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``about`` is a word or two, ``text`` what was found, ``hint`` what to do about it."""

    level: Level
    about: str
    text: str
    hint: str = ""

    def document(self) -> dict[str, str]:
        """For ``--json``."""
        return {"level": self.level.value, "about": self.about, "text": self.text, "hint": self.hint}


def ok(about: str, text: str) -> Finding:
    return Finding(Level.OK, about, text)


def warning(about: str, text: str, hint: str) -> Finding:
    return Finding(Level.WARNING, about, text, hint)


def problem(about: str, text: str, hint: str) -> Finding:
    return Finding(Level.PROBLEM, about, text, hint)


def count(findings: Iterable[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)
