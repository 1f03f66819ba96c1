"""Response headers that say a kind or a method is on its way out: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime


def deprecation_headers(deprecated: Mapping[str, str] | None) -> dict[str, str]:
    """The headers for what a manifest says under ``deprecated``. Its days begin at midnight, UTC."""
    if deprecated is None:
        return {}
    found = {"Deprecation": f"@{int(_midnight(deprecated['since']).timestamp())}"}
    if sunset := deprecated["sunset"]:
        found["Sunset"] = format_datetime(_midnight(sunset), usegmt=True)
    if link := deprecated["link"]:
        found["Link"] = f'<{link}>; rel="deprecation"; type="text/html"'
    return found


def _midnight(day: str) -> datetime:
    found = date.fromisoformat(day)
    return datetime(found.year, found.month, found.day, tzinfo=UTC)
