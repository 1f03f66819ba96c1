"""The tour of ``make run``, on a real platform: a worker is killed in it, and the balance is right."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cli.conftest import Up
from natya_ops.tour import TourFailed, play


async def test_the_tour_kills_a_worker_and_the_balance_is_right(up: Up) -> None:
    screen = io.StringIO()
    await play(up.ready, Console(file=screen, width=120))
    shown = screen.getvalue()
    for part in (
        '{"balance": 30}',
        '{"balance": 100}',
        '{"alice": 75, "bob": 25}',
        "killed after",
        "675  75 + 600: exactly right",
    ):
        assert part in shown
    for part in ("natya history account alice-", f"nats -s {up.ready['nats']} req ", "curl -H", up.ready["http"]):
        assert part in shown


async def test_a_step_that_goes_wrong_ends_the_tour_by_name(up: Up) -> None:
    screen = io.StringIO()
    with pytest.raises(TourFailed, match=r'The same actor over HTTP: .* where \{"balance": 42\} is right'):
        await play({**up.ready, "token": "forged"}, Console(file=screen, width=120))
    assert "And in Python" not in screen.getvalue()
