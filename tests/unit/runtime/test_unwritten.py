"""`natya.runtime.unwritten`: what the checkpoint must wait for."""

from __future__ import annotations

from natya.ports.snapshots import Kept
from natya.runtime.unwritten import Load, Unwritten


def kept(id: str) -> Kept:
    return Kept("a", id, "d", 1, 0, "", b"1", 10)


def test_the_oldest_record_that_is_not_wholly_written_bounds_the_checkpoint() -> None:
    unwritten = Unwritten(Load(10, 1000))
    assert unwritten.oldest is None
    unwritten.mark("a", 3, 1, 0, 1, b"{}", time=0)
    unwritten.mark("b", 4, 1, 0, 1, b"{}", time=0)
    unwritten.mark("a", 9, 2, 0, 1, b"{}", time=0)
    assert unwritten.oldest == 3
    (snapshot,) = unwritten.take(1)
    assert (snapshot.key, snapshot.journal, snapshot.version) == ("a", 9, 2)
    unwritten.mark("a", 12, 3, 0, 1, b"{}", time=0)
    assert unwritten.oldest == 3, "it is being written"
    unwritten.written(["a"])
    assert unwritten.oldest == 4
    unwritten.written([snapshot.key for snapshot in unwritten.take(1)])
    assert unwritten.oldest == 12


def test_what_is_being_written_is_not_taken_again() -> None:
    unwritten = Unwritten(Load(10, 1000))
    unwritten.mark("a", 3, 1, 0, 1, b"{}", time=0)
    unwritten.take(10)
    unwritten.mark("a", 4, 2, 0, 1, b"{}", time=0)
    assert unwritten.take(10) == []
    assert "a" in unwritten


def test_a_failed_write_waits_again_in_its_old_place_with_the_newest_state() -> None:
    load = Load(10, 1000)
    unwritten = Unwritten(load)
    unwritten.mark("a", 3, 1, 0, 1, b"old", time=0)
    unwritten.mark("b", 4, 1, 0, 1, b"b", time=0)
    unwritten.take(10)
    unwritten.mark("c", 5, 1, 0, 1, b"c", time=0)
    unwritten.mark("a", 6, 2, 7, 2, None, time=0)
    unwritten.mark("b", 7, 2, 0, 2, b"newer", time=0)
    unwritten.failed()
    assert unwritten.oldest == 3
    assert [(s.key, s.journal, s.version, s.mail, s.schema, s.state) for s in unwritten.take(10)] == [
        ("a", 6, 2, 7, 1, b"old"),
        ("b", 7, 2, 0, 2, b"newer"),
        ("c", 5, 1, 0, 1, b"c"),
    ]
    assert (load.actors, load.size) == (3, len(b"old" + b"newer" + b"c"))


def test_nothing_is_counted_any_more_when_all_is_written_or_dropped() -> None:
    load = Load(2, 1000)
    for drop in (False, True):
        unwritten = Unwritten(load)
        unwritten.mark("a", 1, 1, 0, 1, b"aaaa", time=0)
        unwritten.mark("a", 2, 2, 0, 1, b"aa", time=0)
        unwritten.mark("b", 2, 1, 0, 1, b"b", time=0)
        assert load.full
        taken = unwritten.take(1)
        unwritten.mark("a", 3, 3, 0, 1, b"aaa", time=0)
        if drop:
            unwritten.close()
        else:
            unwritten.written([snapshot.key for snapshot in taken])
            unwritten.failed()
            unwritten.written([snapshot.key for snapshot in unwritten.take(10)])
        assert (load.actors, load.size, len(unwritten)) == (0, 0, 0)


def test_kept_outcomes_hold_the_checkpoint_too() -> None:
    unwritten = Unwritten(Load(10, 1000))
    unwritten.keep(2, kept("m1"))
    assert [one.id for one in unwritten.take_kept()] == ["m1"]
    unwritten.keep(5, kept("m2"))
    assert unwritten.oldest == 2
    unwritten.failed()
    assert [one.id for one in unwritten.take_kept()] == ["m1", "m2"]
    unwritten.kept_written()
    assert unwritten.oldest is None


def test_what_was_read_back_is_unwritten_since_its_first_record() -> None:
    unwritten = Unwritten(Load(10, 1000))
    unwritten.restore("a", 2, 9, 4, 0, 1, b"{}", time=0)
    unwritten.restore("b", 5, 5, 1, 0, 1, None, time=0)
    assert unwritten.oldest == 2
    first, second = unwritten.take(10)
    assert (first.journal, second.journal, second.state) == (9, 5, None)


def test_the_oldest_time_is_that_of_the_first_turn_not_written() -> None:
    unwritten = Unwritten(Load(10, 1000))
    assert unwritten.since is None
    unwritten.mark("a", 1, 1, 0, 1, b"{}", time=100)
    unwritten.mark("b", 2, 1, 0, 1, b"{}", time=200)
    unwritten.mark("a", 3, 2, 0, 1, b"{}", time=300)
    assert unwritten.since == 100
    unwritten.take(1)
    unwritten.mark("a", 4, 3, 0, 1, b"{}", time=400)
    assert unwritten.since == 100, "it is being written"
    unwritten.failed()
    assert unwritten.since == 100
    unwritten.take(1)
    unwritten.mark("a", 5, 4, 0, 1, b"{}", time=500)
    unwritten.written(["a"])
    assert unwritten.since == 200
    unwritten.take(2)
    unwritten.written(["a", "b"])
    assert unwritten.since is None
