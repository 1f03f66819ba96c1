"""`natya.runtime.view`: applied by revision, and sure of an end only after the time to live."""

from __future__ import annotations

import orjson

from natya.memory import ManualClock
from natya.ports.lease import Entry
from natya.runtime.view import ENDED_LIMIT, View


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


async def test_an_end_that_was_proved_is_certain_at_once_and_stays_so() -> None:
    """Also when the word of it has expired in its turn."""
    view = View(ManualClock())
    view.apply(Entry("member.n1", card(), 1))
    assert not view.is_proved("n1")
    view.apply(Entry("member.n1", orjson.dumps({"left": True}), 2))
    assert view.is_proved("n1")
    assert view.has_ended("n1", 3.0)
    view.apply(Entry("member.n1", None, 3))
    assert view.is_proved("n1")


async def test_an_expiry_is_no_proof() -> None:
    view = View(ManualClock())
    view.apply(Entry("member.n1", card(), 1))
    view.apply(Entry("member.n1", None, 2))
    assert "n1" not in view.members
    assert not view.is_proved("n1")


async def test_a_renewal_that_arrives_after_the_word_of_its_end_changes_nothing() -> None:
    view = View(ManualClock())
    view.apply(Entry("member.n1", orjson.dumps({"left": True}), 2))
    view.apply(Entry("member.n1", card(), 1))
    assert "n1" not in view.members
    assert view.is_proved("n1")


async def test_of_ends_only_the_last_few_thousand_are_remembered() -> None:
    view = View(ManualClock())
    for number in range(ENDED_LIMIT + 10):
        view.apply(Entry(f"member.n{number}", card(), 2 * number + 1))
        view.apply(Entry(f"member.n{number}", orjson.dumps({"left": True}), 2 * number + 2))
    assert not view.is_proved("n9")
    assert view.is_proved("n10")
    assert view.revision("n9") == 0
    assert view.revision(f"n{ENDED_LIMIT}") == 2 * ENDED_LIMIT + 2


async def test_the_revision_of_a_member_is_that_last_heard_of() -> None:
    view = View(ManualClock())
    assert view.revision("n1") == 0
    view.apply(Entry("member.n1", card(), 4))
    view.apply(Entry("member.n1", card(), 3))
    assert view.revision("n1") == 4


async def test_silence_is_counted_from_the_last_renewal_and_ends_with_the_next() -> None:
    clock = ManualClock()
    view = View(clock)
    for number, name in enumerate(("n1", "n2")):
        view.apply(Entry(f"member.{name}", card(), 1 + number))
    await clock.advance(3.5)
    assert view.silent(3.0) == ["n1", "n2"]
    assert view.silent(4.0) == []
    view.apply(Entry("member.n2", card(), 3))
    assert view.silent(3.0) == ["n1"]
    view.apply(Entry("member.n1", orjson.dumps({"left": True}), 4))
    assert view.silent(3.0) == []


async def test_a_member_says_where_it_is_and_what_it_can_read() -> None:
    view = View(ManualClock())
    view.apply(Entry("member.n1", card(server="s2", schemas={"account": 3}), 1))
    assert view.members["n1"].server == "s2"
    assert view.members["n1"].schemas == {"account": 3}
    view.apply(Entry("member.n2", card(), 2))
    assert view.members["n2"].schemas == {}, "of a version that did not say"


async def test_an_owner_key_says_in_which_form_the_states_are() -> None:
    view = View(ManualClock())
    view.apply(Entry("owner.account.3", owner("n1", 1), 1))
    assert view.owners["account", 3].schema == 1
    view.apply(Entry("owner.account.3", orjson.dumps({"node": None, "epoch": 2, "group": 2, "schema": 5}), 2))
    assert view.owners["account", 3].schema == 5


async def test_deaths_are_counted_but_not_those_who_left_by_themselves() -> None:
    view = View(ManualClock())
    for number, said in enumerate(({"left": True}, {"left": True, "died": 50}, {"left": True, "died": 70})):
        view.apply(Entry(f"member.n{number}", card(), 2 * number + 1))
        view.apply(Entry(f"member.n{number}", orjson.dumps(said), 2 * number + 2))
    view.apply(Entry("member.n1", None, 9))
    assert [view.deaths(since) for since in (49, 50, 70)] == [2, 1, 0]


async def test_who_expired_or_had_to_be_replaced_has_died_but_once() -> None:
    clock = ManualClock()
    view = View(clock)
    before = clock.now_ms() - 1
    view.apply(Entry("member.n1", card(), 1))
    view.apply(Entry("member.n1", None, 2))
    for incarnation in ("n1", "never seen", "never seen"):
        view.found_dead(incarnation)
    assert view.deaths(before) == 2
    view.apply(Entry("member.n2", card(), 3))
    view.apply(Entry("member.n2", orjson.dumps({"left": True}), 4))
    view.found_dead("n2")
    assert view.deaths(before) == 2, "n2 has left by itself"
