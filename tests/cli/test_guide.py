"""The guide to HTTP: every command in it is typed, in order, into one shell, and answers what is shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from cli.conftest import LIMIT, Up, environment

GUIDE = (Path(__file__).parents[2] / "docs" / "guide-http.md").read_text()
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "=== next ==="


def commands() -> list[tuple[str, str]]:
    """Every ``$`` line with the answer shown below it."""
    found: list[tuple[str, str]] = []
    for line in "".join(BLOCK.findall(GUIDE)).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line.strip())
    return found


def test_every_command_of_the_guide_answers_what_is_shown(up: Up, tmp_path: Path) -> None:
    typed = commands()
    assert len(typed) > 15
    natya = f'natya() {{ {sys.executable} -m natya_ops "$@" --data {up.folder / ".natya"}; }}'
    script = "\n".join([natya, *(f"{command}\necho; echo '{MARK}'" for command, _ in typed)])
    done = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:8080", up.ready["http"])],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
    )
    answers = done.stdout.split(MARK)
    assert len(answers) == len(typed) + 1, done.stderr
    wrong = {command: got for (command, shown), got in zip(typed, answers, strict=False) if shown not in got}
    assert wrong == {}, done.stderr
