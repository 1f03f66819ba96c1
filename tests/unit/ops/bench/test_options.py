"""Which measures are chosen."""

from __future__ import annotations

import pytest

from natya.errors import ConfigurationError
from natya_ops.bench.options import QUICK, USUAL, Measure, choose, measures


def test_all_measures_are_taken_unless_some_are_named() -> None:
    assert measures("") == tuple(Measure)
    assert measures("idle, asks") == (Measure.ASKS, Measure.IDLE)


def test_an_unknown_measure_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'speed' is no measure: choose from asks, .*, idle"):
        measures("asks,speed")


def test_what_is_given_counts_also_in_a_quick_run() -> None:
    chosen = choose(measures("asks"), quick=True, seconds=1.0)
    assert (chosen.seconds, chosen.pairs, chosen.actors) == (1.0, QUICK.pairs, QUICK.actors)
    assert choose(measures(""), quick=False) == USUAL


def test_the_command_line_names_every_measure() -> None:
    from typer.testing import CliRunner

    from natya_ops.cli import app

    help_text = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "200"}).stdout
    shown = "".join(help_text.replace("│", " ").split())
    assert f"{','.join(Measure)}." in shown
