"""`natya.runtime.view`: applied by revision, and sure of an end only after the time to live."""

from __future__ import annotations

import orjson

from natya.memory import ManualClock
from natya.ports.lease import Entry
from natya.runtime.view import View


def card(name: str = "a", **more: object) -> bytes:
    return orjson.dumps({"name": name, "server": "s", "kinds": {"account": "d"}, "version": "1", "joined": 1, **more})


def owner(node: str | None, epoch: int) -> bytes:
    return orjson.dumps({"node": node, "epoch": epoch, "group": epoch})


async def test_an_older_revision_that_arrives_later_changes_nothing() -> None:
    view = View(ManualClock())
    view.apply(Entry("owner.account.3", owner("n2", 2), 9))
    view.apply(Entry("owner.account.3", owner("n1", 1), 8))
    assert view.owners["account", 3].incarnation == "n2"
    view.apply(Entry("owner.account.3", owner(None, 2), 10))
    assert view.owners["account", 3].incarnation == ""


async def test_an_end_is_certain_when_the_key_has_ended_and_the_time_since_the_last_renewal_has_passed() -> None:
    clock = ManualClock()
    view = View(clock)
    view.apply(Entry("member.n1", card(), 1))
    await clock.advance(2)
    view.apply(Entry("member.n1", card(), 2))
    await clock.advance(2.9)
    assert not view.has_ended("n1", 3.0)
    await clock.advance(0.2)
    assert not view.has_ended("n1", 3.0), "its key is still there: perhaps a renewal was not seen"
    view.apply(Entry("member.n1", None, 3))
    assert view.has_ended("n1", 3.0)


async def test_a_key_that_ended_early_is_waited_for() -> None:
    clock = ManualClock()
    view = View(clock)
    view.apply(Entry("member.n1", card(), 1))
    view.apply(Entry("member.n1", None, 2))
    assert not view.has_ended("n1", 3.0)
    await clock.advance(3.1)
    assert view.has_ended("n1", 3.0)


async def test_of_somebody_never_seen_the_end_is_certain_a_time_to_live_after_looking_began() -> None:
    clock = ManualClock()
    view = View(clock)
    assert not view.has_ended("n9", 3.0)
    await clock.advance(3.1)
    assert view.has_ended("n9", 3.0)


async def test_listeners_hear_of_changes_and_not_of_renewals() -> None:
    view = View(ManualClock())
    heard: list[int] = []
    view.listen(lambda: heard.append(len(view.members)))
    view.apply(Entry("member.n1", card(), 1))
    view.apply(Entry("member.n1", card(), 2))
    view.apply(Entry("member.n1", card(leaving=True), 3))
    view.apply(Entry("member.n1", orjson.dumps({"left": True}), 4))
    view.apply(Entry("member.n1", None, 5))
    assert heard == [1, 1, 0]


async def test_a_member_that_is_silent_is_found_and_can_be_taken_off_though_no_end_was_told() -> None:
    clock = ManualClock()
    view = View(clock)
    told: list[None] = []
    view.listen(lambda: told.append(None))
    view.apply(Entry("member.n1", card(), 1))
    await clock.advance(2)
    view.apply(Entry("member.n2", card("b"), 2))
    await clock.advance(1.5)
    assert view.silent(3.0) == ["n1"]
    told.clear()
    view.gone("n1")
    assert told
    assert view.has_ended("n1", 3.0)
    view.apply(Entry("member.n1", card(), 5))
    assert "n1" in view.members, "a renewal that comes after all counts"
