"""Epochs, versions and messages: the checks of what the journals and streams say see each way in which that could be false."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from natya.names import encode_key
from natya.runtime.batch import Header
from natya_ops.chaos.checks import Entry, Evidence, Journals, Stored
from natya_ops.chaos.record import Verb
from support.small_run import first, standing, true_evidence, verdict


@pytest.fixture
def evidence() -> Evidence:
    return true_evidence()


def busiest(evidence: Evidence) -> list[Entry]:
    """The account journal with most records."""
    entries = max((each for (kind, _), each in evidence.journals.items() if kind == "account"), key=len)
    assert isinstance(entries, list)
    return entries


def within_an_epoch(evidence: Evidence) -> Header:
    """The last of those records that follow another of the same epoch."""
    headers = [entry.record.header for entry in busiest(evidence)]
    return [new for old, new in pairwise(headers) if old.epoch == new.epoch > 1][-1]


def fall_in_epoch(evidence: Evidence) -> None:
    within_an_epoch(evidence).epoch = 0


def begin_an_epoch_without_a_fence(evidence: Evidence) -> None:
    within_an_epoch(evidence).epoch += 1


def fence_an_epoch_twice(evidence: Evidence) -> None:
    within_an_epoch(evidence).fence = True


def write_in_the_epoch_of_another(evidence: Evidence) -> None:
    within_an_epoch(evidence).node = "somebody"


def take_back_the_checkpoint(evidence: Evidence) -> None:
    entries = busiest(evidence)
    entries[-2].record.header.checkpoint = entries[-1].record.header.checkpoint + 1


def lose_a_record(evidence: Evidence) -> None:
    entries = busiest(evidence)
    entries.remove(next(each for each in entries if each.record.header.sent > each.record.header.since))


def skip_a_version(evidence: Evidence) -> None:
    _, _, turn = standing(evidence, first(evidence, Verb.ASK, "deposit"))
    turn["v"] += 1


def count_a_refusal(evidence: Evidence) -> None:
    _, _, turn = standing(evidence, first(evidence, Verb.TELL, "withdraw"))
    assert turn["error"]["slug"] == "insufficient_funds"
    turn["v"] += 1


def forget_a_letter(evidence: Evidence) -> None:
    told = [each for each in evidence.operations if (each.verb, each.kind) == (Verb.TELL, "inbox")]
    _, _, turn = standing(evidence, told[-1])
    turn["m"] = 0


@pytest.mark.parametrize(
    ("falsify", "says"),
    [
        (fall_in_epoch, "the epoch falls"),
        (begin_an_epoch_without_a_fence, "begins without a fence"),
        (fence_an_epoch_twice, "a fence of epoch"),
        (write_in_the_epoch_of_another, "somebody writes in the epoch of"),
        (take_back_the_checkpoint, "the checkpoint falls"),
        (lose_a_record, "a record is missing between"),
        (skip_a_version, "goes from version"),
        (count_a_refusal, "goes from version"),
        (forget_a_letter, "the last mail of paul falls"),
    ],
)
def test_a_false_order_is_seen(evidence: Evidence, falsify: Callable[[Evidence], None], says: str) -> None:
    falsify(evidence)
    found = verdict(evidence, "order")
    assert found.ok is False
    assert any(says in line for line in found.evidence), found.evidence


def proceeding(evidence: Evidence) -> tuple[Entry, dict[str, Any]]:
    """A turn that a tell of another turn has caused."""
    journals = Journals(evidence.journals)
    start = first(evidence, Verb.ASK, "start")
    line = next(each for each in journals.of_key["transfer", encode_key(start.key)] if each.turn["method"] == "proceed")
    entry = next(each for each in evidence.journals[line.kind, line.partition] if each.sequence == line.sequence)
    return entry, entry.record.turns[line.number]


def lose_a_message(evidence: Evidence) -> None:
    entry, turn = proceeding(evidence)
    entry.record.turns.remove(turn)


def deliver_what_was_not_sent(evidence: Evidence) -> None:
    _, turn = proceeding(evidence)
    kind, partition, sequence, *_ = turn["id"].split(".")
    turn["id"] = f"{kind}.{partition}.{sequence}.99.0"


def lose_an_event(evidence: Evidence) -> None:
    evidence.events = list(evidence.events or ())[1:]


def publish_an_event_twice(evidence: Evidence) -> None:
    evidence.events = [*(evidence.events or ()), (evidence.events or ())[0]]


def publish_what_was_not_committed(evidence: Evidence) -> None:
    (stored, *_) = evidence.events or ()
    kind, partition, sequence, *_ = stored.id.split(".")
    evidence.events = [*(evidence.events or ()), Stored(9_999, stored.subject, f"{kind}.{partition}.{sequence}.99.0")]


def lose_a_dead_letter(evidence: Evidence) -> None:
    evidence.dead = list(evidence.dead or ())[1:]


@pytest.mark.parametrize(
    ("falsify", "says"),
    [
        (lose_a_message, "never arrived"),
        (deliver_what_was_not_sent, "but no turn sent it there"),
        (lose_an_event, "is not stored"),
        (publish_an_event_twice, "is stored 2 times"),
        (publish_what_was_not_committed, "is stored, but no turn sent it"),
        (lose_a_dead_letter, "dead letter account.mail."),
    ],
)
def test_a_false_delivery_is_seen(evidence: Evidence, falsify: Callable[[Evidence], None], says: str) -> None:
    falsify(evidence)
    found = verdict(evidence, "outbox")
    assert found.ok is False
    assert any(says in line for line in found.evidence), found.evidence


def test_an_event_that_no_stream_took_is_not_lost_if_it_is_a_dead_letter(evidence: Evidence) -> None:
    gone, *evidence.events = evidence.events or ()
    evidence.dead = [*(evidence.dead or ()), Stored(99, "natya.dead.inbox.undeliverable.event", gone.id)]
    found = verdict(evidence, "outbox")
    assert (found.ok, found.evidence) == (True, [])
    assert "1 given up as undeliverable" in found.summary


def test_streams_that_were_not_read_leave_the_outbox_open(evidence: Evidence) -> None:
    evidence.events = None
    assert verdict(evidence, "outbox").ok is None
