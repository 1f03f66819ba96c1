"""What all commands have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from natya_ops.cli import app

PROGRAMS = {"worker", "edge"}
"""What runs until it is told to stop and says what it has to say in JSON anyway."""


def commands() -> Iterator[tuple[str, set[str], str]]:
    """Name, options and help of every command, those within groups too."""
    groups = [("", get_command(app))]
    for prefix, group in groups:
        assert isinstance(group, TyperGroup)
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                groups.append((f"{name} ", command))
            else:
                options = {option for parameter in command.params for option in parameter.opts}
                yield prefix + name, options, command.help or ""


COMMANDS = list(commands())


def test_the_commands_are_there() -> None:
    names = {name for name, _, _ in COMMANDS}
    assert names >= {"up", "call", "tell", "kinds", "describe", "where", "state", "history", "dead ls", "dead show", "token"}
    assert names >= {"doctor", *PROGRAMS}


@pytest.mark.parametrize(("name", "options", "text"), COMMANDS, ids=[name for name, _, _ in COMMANDS])
def test_every_command_has_help_and_speaks_json(name: str, options: set[str], text: str) -> None:
    assert text.strip()
    assert name in PROGRAMS or "--json" in options
