"""Which text is a date, and which moment it means to a store that counts milliseconds."""

from __future__ import annotations

import datetime


def read_date(text: str) -> datetime.datetime | None:
    """The moment that ``text`` tells: without zone, in UTC, whole milliseconds. None if it is no date."""
    if text[10:11] not in ("T", "t", " "):
        return None
    utc = text.endswith("Z")
    try:
        date = datetime.datetime.fromisoformat(text[:-1] if utc else text)
        if date.tzinfo is not None:
            if utc:
                return None
            date = date.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    lost = date.microsecond % 1000
    return date.replace(microsecond=date.microsecond - lost) if lost else date
