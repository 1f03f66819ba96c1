"""The files of a report."""

from __future__ import annotations

import errno
import gzip
import importlib.util
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from natya.errors import ConfigurationError
from natya_ops.chaos.checks import Evidence
from natya_ops.chaos.kept import delete
from natya_ops.chaos.report.document import document
from natya_ops.chaos.report.figures import Figures, figures_of
from natya_ops.chaos.report.page import TITLE, page
from natya_ops.chaos.report.pictures import poster
from natya_ops.chaos.report.words import Story, tell
from natya_ops.chaos.run import Result

PAGE: Final = "index.html"
PICTURE: Final = "report.png"
DOCUMENT: Final = "run.json"
OPERATIONS: Final = "operations.jsonl.gz"
JOURNALS: Final = "journals.jsonl.gz"
_FILES: Final = (PAGE, PICTURE, DOCUMENT, OPERATIONS, JOURNALS)
_HEAD: Final = 4_000
"""Characters of a page within which its title stands."""


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
    """Raise `ConfigurationError` if a report could not be written at the end, or would replace what is none: better to
    know before. What programs read of an earlier report is deleted, nothing is made."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigurationError("the report needs matplotlib: install it with pip install 'natya[chaos]'")
    try:
        if not _ours(folder):
            raise ConfigurationError(
                f"{folder} has files of these names that are no report of natya chaos: {', '.join(_found(folder))}; "
                "choose another folder with --report"
            )
        _check_writable(folder)
        (folder / DOCUMENT).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --report"
        ) from error


def _found(folder: Path) -> list[str]:
    return [name for name in _FILES if (folder / name).exists()]


def _ours(folder: Path) -> bool:
    """Whether what a report would replace in the folder is an earlier report: its page says so. Raises `OSError`."""
    if not _found(folder):
        return True
    if not (folder / PAGE).is_file():
        return False
    with (folder / PAGE).open(encoding="utf-8", errors="replace") as file:
        return TITLE in file.read(_HEAD)


def _check_writable(folder: Path) -> None:
    """Raise `OSError` if the folder cannot be made or written to. Nothing is made."""
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


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
    if not keep and result.options.data is None:
        delete(folder)
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
