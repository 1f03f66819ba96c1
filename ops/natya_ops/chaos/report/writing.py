"""The files of a report."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from natya.errors import ConfigurationError
from natya_ops.chaos.checks import Evidence
from natya_ops.chaos.report.document import document
from natya_ops.chaos.report.figures import Figures, figures_of
from natya_ops.chaos.report.page import page
from natya_ops.chaos.report.pictures import poster
from natya_ops.chaos.report.words import Story, tell
from natya_ops.chaos.run import PLATFORM, Result

PAGE: Final = "index.html"
PICTURE: Final = "report.png"
DOCUMENT: Final = "run.json"
OPERATIONS: Final = "operations.jsonl.gz"
JOURNALS: Final = "journals.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Report:
    """A run with its numbers, and the folder where all that is written."""

    result: Result
    figures: Figures
    story: Story
    folder: Path

    def document(self) -> dict[str, Any]:
        """As `DOCUMENT` has it, and where the files are."""
        return document(self.result, self.figures) | {"report": str(self.folder / PAGE)}


def check_can_draw(folder: Path) -> None:
    """Raise `ConfigurationError` if a report could not be written at the end: better to know before."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigurationError("the report needs matplotlib: install it with pip install 'natya[chaos]'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DOCUMENT).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --report"
        ) from error


def write(result: Result) -> Report:
    """Write everything into the folder that the options name. If all held, the platform's own folder there is deleted; if not, or if it is
    wanted, it stays, and the operations and journals are written as well. Raises `OSError`."""
    folder = result.options.report
    keep = result.options.keep or not result.held
    evidence = result.evidence if keep else None
    figures = figures_of(result)
    report = Report(result, figures, tell(result, figures), folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page(result, figures, report.story), encoding="utf-8")
    poster(result, figures, report.story, folder / PICTURE)
    (folder / DOCUMENT).write_text(
        json.dumps(document(result, figures), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for name, lines in (
        (OPERATIONS, _operations(result)),
        (JOURNALS, _journals(evidence) if evidence is not None else iter(())),
    ):
        file = folder / name
        file.unlink(missing_ok=True)
        if evidence is not None:
            with gzip.open(file, "wt", encoding="utf-8") as out:
                out.writelines(f"{line}\n" for line in lines)
    if not keep:
        shutil.rmtree(folder / PLATFORM, ignore_errors=True)
    return report


def _operations(result: Result) -> Iterator[str]:
    for each in result.recorder.operations:
        line = asdict(each) | {"verb": each.verb.value, "outcome": each.outcome.value}
        yield json.dumps(line | {"ended": each.ended if math.isfinite(each.ended) else None}, ensure_ascii=False)


def _journals(evidence: Evidence) -> Iterator[str]:
    for (kind, partition), entries in sorted(evidence.journals.items()):
        for entry in entries:
            place = {"kind": kind, "partition": partition, "sequence": entry.sequence, "time": entry.time}
            yield json.dumps(place | asdict(entry.record), ensure_ascii=False)
