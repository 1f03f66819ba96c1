"""Supervision: how patient it is, and what a group of children does when one cannot start."""

from __future__ import annotations

import asyncio

import pytest

from natya.errors import ConfigurationError
from natya_ops.servers.base import Child
from natya_ops.up.supervision import Group, Patience
from support.world import eventually


class Actor(Child):
    """A child without a process: it ends when the test says so."""

    role = "worker"

    def __init__(self, name: str, *, starts: list[str | None] | None = None) -> None:
        self.name = name
        self.starts = starts or []
        self.started = 0
        self.stopped = 0
        self.ends = asyncio.Event()

    async def start(self) -> None:
        await asyncio.sleep(0)
        self.ends.clear()
        if reason := (self.starts.pop(0) if self.starts else None):
            raise ConfigurationError(reason)
        self.started += 1

    async def wait(self) -> int:
        await self.ends.wait()
        return 7

    async def stop(self, grace: float | None = None) -> None:
        self.stopped += 1


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []

    def ended(self, child: Child, code: int) -> None:
        self.said.append(f"{child.name} ended {code}")

    def restarted(self, child: Child) -> None:
        self.said.append(f"{child.name} restarted")

    def failed(self, child: Child, reason: str) -> None:
        self.said.append(f"{child.name} failed {reason}")


def test_a_first_short_life_is_followed_at_once_and_flapping_backs_off() -> None:
    patience = Patience()
    assert [patience.after(0.1) for _ in range(7)] == [0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    assert patience.after(Patience.LONG) == 0
    assert [patience.after(0.1) for _ in range(2)] == [0, 0.25]


async def test_children_start_together_are_restarted_and_stop_together() -> None:
    heard = Heard()
    a, b = Actor("a", starts=[None, "no memory"]), Actor("b")
    async with Group([a, b], heard):
        assert (a.started, b.started) == (1, 1)
        a.ends.set()
        await eventually(lambda: a.started == 2)
        assert heard.said == ["a ended 7", "a failed no memory", "a restarted"]
        assert b.started == 1
    assert (a.stopped, b.stopped) == (1, 1)


async def test_if_one_cannot_start_the_others_are_stopped_and_its_reason_is_raised() -> None:
    a, b = Actor("a"), Actor("b", starts=["the port is taken"])
    with pytest.raises(ConfigurationError, match="the port is taken"):
        async with Group([a, b], Heard()):
            raise AssertionError("must not be reached")
    assert (a.stopped, b.stopped) == (1, 1)


async def test_an_error_in_the_body_goes_on_after_everything_was_stopped() -> None:
    a = Actor("a")
    with pytest.raises(KeyError):
        async with Group([a], Heard()):
            raise KeyError
    assert a.stopped == 1
