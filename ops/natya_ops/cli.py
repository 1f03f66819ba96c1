"""The command ``natya``.

Every command is a module of `natya_ops.commands` with a function ``register(app)``. All of them are imported when the command
line starts, so they import the library and whatever else is heavy inside their functions: help is there in 0.2 s.
"""

from __future__ import annotations

import sys

import typer

from natya_ops.commands import REGISTERED

app = typer.Typer(
    name="natya",
    help="Durable actors in plain asyncio Python, on NATS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in REGISTERED:
    module.register(app)


def main() -> None:
    """Run the command line: exit code 0, 1 with one line on standard error, or 2 where it was used wrongly."""
    try:
        app(prog_name="natya")
    except Exception as error:
        from natya.errors import ConfigurationError, NatyaError

        if not isinstance(error, NatyaError | ConfigurationError):
            raise
        print(f"natya: {error}", file=sys.stderr)
        sys.exit(1)
