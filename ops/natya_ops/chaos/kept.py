"""The data folder of a platform that a run starts, within the folder of its report. Its logs tell what happened inside.

It bears a mark, and nothing that does not is ever deleted: the folder of the report is anybody's choice.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError
from natya_ops.data_folder import DataFolder

PLATFORM: Final = "chaos-platform"
MARK: Final = "made-by-natya-chaos"
"""A file that only a run puts there."""


def check_free(report: Path) -> None:
    """Raise `ConfigurationError` if a run that reports to this folder could not have its data there: something else is."""
    data = report / PLATFORM
    if data.is_symlink() or (data.exists() and not (data / MARK).is_file()):
        raise ConfigurationError(
            f"{data} exists and was not made by natya chaos: move it away, or choose another folder with --report"
        )


def renew(report: Path) -> Path:
    """Make the folder anew, empty but for the mark; what a run before has left there is gone. Raises `ConfigurationError` if it
    is not ours or in use, and `OSError`."""
    delete(report)
    data = report / PLATFORM
    data.mkdir(parents=True)
    (data / MARK).touch()
    return data


def delete(report: Path) -> None:
    """Delete the folder if there is one. Raises as `renew` does."""
    check_free(report)
    data = report / PLATFORM
    if not data.exists():
        return
    folder = DataFolder(data)
    with folder.locked():
        folder.end_left_behind()
        mounted = [each for each in folder.nats.glob("*") if each.is_mount()]
    if mounted:
        raise ConfigurationError(f"{mounted[0]} is still mounted, a run before was killed: umount it first")
    for each in data.iterdir():
        if each.name != MARK:  # the mark goes last: what is left of a deletion that failed is still ours
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    (data / MARK).unlink()
    data.rmdir()
