"""The shape of the repository: what would break Python at the root, and what keeps files small enough to read."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PARTS = {"platform": "natya", "actors": "natya_actors", "edge": "natya_edge", "ops": "natya_ops"}
SCRIPTS = ROOT / "ops" / "chaos"
"""Programs to be read and run as they are: no package."""
LONGEST = 350


def sources() -> list[Path]:
    return sorted(path for folder in (*PARTS, "tests") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", ["platform", "nats"])
def test_folders_named_like_modules_are_no_packages(folder: str) -> None:
    """An ``__init__.py`` there would hide Python's own ``platform``, and nats-py, from whatever runs at the root."""
    assert (ROOT / folder).is_dir()
    assert not list((ROOT / folder).glob("*.py"))


def test_nats_holds_configuration_only() -> None:
    assert not list((ROOT / "nats").rglob("*.py"))
    assert list((ROOT / "nats").glob("*.conf"))


def test_programs_that_run_at_the_root_find_the_real_modules() -> None:
    program = "import platform, nats, aiohttp; print(platform.python_version(), nats.connect.__name__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "connect"


@pytest.mark.parametrize(("folder", "package"), PARTS.items())
def test_each_part_holds_one_package_of_ours_with_types(folder: str, package: str) -> None:
    folders = [path for path in (ROOT / folder).iterdir() if path.is_dir() and path != SCRIPTS]
    inside = {path.name for path in folders if list(path.glob("**/*.py"))}
    assert inside == {package}
    assert (ROOT / folder / package / "py.typed").is_file()
    assert package not in sys.stdlib_module_names


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for folder in PARTS for path in (ROOT / folder).rglob("*.py")} - {SCRIPTS}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_file_is_longer_than_two_or_three_screens() -> None:
    assert sources()
    long = {str(path.relative_to(ROOT)): n for path in sources() if (n := len(path.read_text().splitlines())) > LONGEST}
    assert long == {}


def test_the_project_has_its_papers_and_commands() -> None:
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", ".editorconfig", ".dockerignore"):
        assert (ROOT / name).is_file(), name
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "run", "test", "test-slow", "simulate", "chaos", "check"):
        assert f"\n{target}: " in makefile


def test_make_help_lists_the_targets() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "run",
        "test",
        "test-slow",
        "simulate",
        "chaos",
        "check",
        "setup",
    ]


def test_pre_commit_runs_the_tools_that_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    commands = [hook["entry"].split(" --fix")[0] for hook in hooks]
    makefile = (ROOT / "Makefile").read_text()
    assert [command for command in commands if command.replace(".venv/bin", "$(BIN)") not in makefile] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_embedded_servers_are_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [needed.count("==") for needed in project["optional-dependencies"]["embedded"]] == [1, 1]
