"""The page about metrics and logs names what the code has, with the same meaning, and nothing else."""

from __future__ import annotations

import dataclasses
import logging
import re
from pathlib import Path

from natya.telemetry.eventlog import LEVELS, LIMITED, name_of
from natya.telemetry.metrics import Metrics
from natya.telemetry.tallies import Family

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def rows(first: str) -> list[tuple[str, ...]]:
    """The rows of the table whose first column is headed ``first``."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            break
    found = []
    for line in lines:
        if not line.startswith("| "):
            break
        found.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
    return found


def code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def row_of(family: Family) -> tuple[str, ...]:
    return (f"`{family.name}`", family.type, code(family.labels), family.help)


def test_every_metric_stands_on_the_page_as_it_is() -> None:
    assert rows("Metric") == [row_of(family) for family in Metrics("n1").families]


def test_every_log_event_stands_on_the_page_with_its_level_and_fields() -> None:
    said = [row[:3] for row in rows("Event")]
    assert said == [
        (
            f"`{name_of(event)}`",
            logging.getLevelName(level).lower() + (", limited" if event in LIMITED else ""),
            code(tuple(field.name for field in dataclasses.fields(event))),
        )
        for event, level in LEVELS.items()
    ]
    assert all(row[3] for row in rows("Event"))


def test_metrics_have_base_units_and_the_prefix() -> None:
    for family in Metrics("n1").families:
        assert re.fullmatch(r"natya_[a-z_]+", family.name)
        assert (family.type == "counter") == family.name.endswith("_total")
        assert not re.search(r"_(ms|millis\w*|kb|percent)(_|$)", family.name)
        assert not {"key", "id", "token"} & set(family.labels)
