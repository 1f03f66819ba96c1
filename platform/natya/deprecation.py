"""Saying that a kind or a method is on its way out. Callers from the web are told with every answer; it goes on working."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from natya.errors import ConfigurationError

_LINK = re.compile(r"https?://[!#-;=?-Z_a-z~\[\]]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Deprecated:
    """``since`` this day nobody should begin to use it; at its ``sunset`` it may cease to be; ``link`` is a page about what to
    use instead. Days are of UTC. Raises `ConfigurationError` for what cannot be meant."""

    since: date
    sunset: date | None = None
    link: str = ""

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset < self.since:
            raise ConfigurationError(f"deprecated since {self.since}, but its sunset is before that, on {self.sunset}")
        if self.link and not _LINK.match(self.link):
            raise ConfigurationError(f"the link of a deprecation must be an http or https URL, not {self.link!r}")

    def manifest(self) -> Mapping[str, str]:
        """What others may know, JSON-able: days as in ``2026-12-31``, empty where there is none."""
        return {
            "since": self.since.isoformat(),
            "sunset": "" if self.sunset is None else self.sunset.isoformat(),
            "link": self.link,
        }
