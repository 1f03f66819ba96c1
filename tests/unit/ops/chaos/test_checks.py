"""The checks believe a true run, and see each way in which one could be false.

The evidence is of a run in memory in which all nodes are killed under load; each test falsifies one thing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from natya_ops.chaos.checks import Entry, Evidence, Minimum, examine
from natya_ops.chaos.record import Outcome, Strike, Verb
from support.small_run import first, standing, true_evidence, verdict


@pytest.fixture
def evidence() -> Evidence:
    return true_evidence()


def test_a_true_run_is_believed(evidence: Evidence) -> None:
    verdicts = examine(evidence)
    names = ["effects", "transfers", "linearizable", "order", "outbox", "answers", "enough"]
    assert [each.name for each in verdicts] == names
    assert [(each.ok, each.evidence) for each in verdicts] == [(True, [])] * len(names)
    assert all(each.checked > 0 and each.summary for each in verdicts)
    assert any(entry.record.header.epoch > 1 for entries in evidence.journals.values() for entry in entries)
    assert evidence.dead


def place_of(evidence: Evidence, entries: list[Entry]) -> tuple[str, int]:
    return next(place for place, each in evidence.journals.items() if each is entries)


def lose_a_turn(evidence: Evidence) -> None:
    _, entry, turn = standing(evidence, first(evidence, Verb.ASK, "deposit"))
    entry.record.turns.remove(turn)


def lose_a_tell(evidence: Evidence) -> None:
    _, entry, turn = standing(evidence, first(evidence, Verb.TELL, "deliver"))
    entry.record.turns.remove(turn)


def run_a_turn_twice(evidence: Evidence) -> None:
    entries, _, turn = standing(evidence, first(evidence, Verb.ASK, "deposit"))
    version = max(line["v"] for each in entries for line in each.record.turns if line["key"] == turn["key"])
    entries[-1].record.turns.append({**turn, "v": version + 1})


def answer_something_else(evidence: Evidence) -> None:
    first(evidence, Verb.ASK, "deposit").result = {"balance": 123_456}


def refuse_what_was_done(evidence: Evidence) -> None:
    operation = first(evidence, Verb.ASK, "deposit")
    operation.outcome, operation.error, operation.result = Outcome.REFUSED, "insufficient_funds", None


def accept_what_was_refused(evidence: Evidence) -> None:
    first(evidence, Verb.ASK, "start").outcome = Outcome.OK
    _, _, turn = standing(evidence, first(evidence, Verb.ASK, "deposit"))
    del turn["answer"]
    turn["error"] = {"code": 409, "slug": "insufficient_funds", "problem": {}}


def fail_what_was_done(evidence: Evidence) -> None:
    first(evidence, Verb.ASK, "deposit").outcome = Outcome.FAILED


def fail_a_tell(evidence: Evidence) -> None:
    _, _, turn = standing(evidence, first(evidence, Verb.TELL, "deliver"))
    del turn["answer"]
    turn["error"] = {"code": 500, "slug": "internal", "problem": {}}


def do_what_nobody_asked(evidence: Evidence) -> None:
    operation = first(evidence, Verb.ASK, "deposit")
    _, _, turn = standing(evidence, operation)
    turn["id"] = "somebody-else"
    operation.outcome, operation.ended = Outcome.UNKNOWN, inf


def refuse_first_and_do_it_later(evidence: Evidence) -> None:
    entries, _, turn = standing(evidence, first(evidence, Verb.TELL, "withdraw"))
    assert turn["error"]["slug"] == "insufficient_funds"
    done = {name: value for name, value in turn.items() if name not in ("error", "out")}
    version = max(line["v"] for each in entries for line in each.record.turns if line["key"] == turn["key"])
    entries[-1].record.turns.append({**done, "v": version + 1, "answer": {"balance": 0}})


def change_without_a_turn(evidence: Evidence) -> None:
    entries, _, _ = standing(evidence, first(evidence, Verb.ASK, "deposit"))
    next(each for each in entries if not each.record.turns).record.states["alice"] = {"balance": 1_000}


@pytest.mark.parametrize(
    ("falsify", "says"),
    [
        (lose_a_turn, "is in no journal"),
        (lose_a_tell, "is in no journal"),
        (run_a_turn_twice, "took effect more than once"),
        (answer_something_else, "has another answer"),
        (refuse_what_was_done, "took effect in account partition"),
        (accept_what_was_refused, "had no effect in account partition"),
        (fail_what_was_done, "took effect in account partition"),
        (fail_a_tell, "failed with internal"),
        (do_what_nobody_asked, "nobody asked for deposit"),
        (refuse_first_and_do_it_later, "was refused with insufficient_funds"),
        (change_without_a_turn, "changes it without a successful turn"),
    ],
)
def test_a_false_effect_is_seen(evidence: Evidence, falsify: Callable[[Evidence], None], says: str) -> None:
    falsify(evidence)
    found = verdict(evidence, "effects")
    assert found.ok is False
    assert any(says in line for line in found.evidence), found.evidence


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_unknown_operation_may_have_taken_effect_or_not(evidence: Evidence, took_effect: bool) -> None:
    operation = first(evidence, Verb.ASK, "deposit")
    operation.outcome, operation.result, operation.ended = Outcome.UNKNOWN, None, inf
    if not took_effect:
        evidence.operations = [*evidence.operations, replace(operation, id="never")]
    assert [each.ok for each in examine(evidence)] == [True] * 7


def test_money_that_is_lost_or_made_is_seen(evidence: Evidence) -> None:
    for change in (-1, 1):
        evidence.balances = {**evidence.balances, "alice": evidence.balances["alice"] + change}
        found = verdict(evidence, "transfers")
        assert found.ok is False
        assert "expected" in "\n".join(found.evidence)
        assert "account alice says" in "\n".join(found.evidence)
        evidence.balances = {**evidence.balances, "alice": evidence.balances["alice"] - change}


def test_a_transfer_that_does_not_end_or_never_began_is_seen(evidence: Evidence) -> None:
    operation = first(evidence, Verb.ASK, "start")
    for phase, says in (("depositing", "is still depositing"), ("new", "was accepted, but is new")):
        evidence.transfers = {**evidence.transfers, operation.key: {**evidence.transfers[operation.key], "phase": phase}}
        assert says in "\n".join(verdict(evidence, "transfers").evidence)
    evidence.transfers = {key: each for key, each in evidence.transfers.items() if key != operation.key}
    assert "its end is not known" in "\n".join(verdict(evidence, "transfers").evidence)


def test_a_transfer_of_something_else_is_seen(evidence: Evidence) -> None:
    operation = first(evidence, Verb.ASK, "start")
    evidence.transfers = {**evidence.transfers, operation.key: {**evidence.transfers[operation.key], "amount": 7_777}}
    assert "was asked for" in "\n".join(verdict(evidence, "transfers").evidence)


def test_a_balance_that_was_not_read_leaves_the_total_open(evidence: Evidence) -> None:
    evidence.balances = {key: balance for key, balance in evidence.balances.items() if key != "alice"}
    found = verdict(evidence, "transfers")
    assert found.ok is None
    assert "no balance of 1 accounts was read, alice among them" in found.summary


@pytest.mark.parametrize(("method", "member"), [("balance", "balance"), ("received", "received"), ("status", "phase")])
def test_a_query_that_saw_what_never_was_is_seen(evidence: Evidence, method: str, member: str) -> None:
    query = first(evidence, Verb.QUERY, method)
    query.result = {**query.result, member: "returning" if member == "phase" else 4_711}
    found = verdict(evidence, "linearizable")
    assert found.ok is False
    assert f"{query.kind}/{query.key}" in found.evidence[0]


def test_a_stale_query_is_seen_though_other_actors_changed_the_account(evidence: Evidence) -> None:
    probe = evidence.probes[0]
    last = next(each for each in evidence.operations if each.id == probe.id)
    last.result = {"balance": 40}  # as it was before the first client began
    assert verdict(evidence, "linearizable").ok is False


def test_trimmed_journals_leave_open_what_they_do_not_tell_and_accuse_nobody(evidence: Evidence) -> None:
    longest = max(map(len, evidence.journals.values()))
    for cut in (1, 5, longest // 2):
        trimmed = deepcopy(evidence)
        trimmed.journals = {place: entries[min(cut, len(entries) - 1) :] for place, entries in trimmed.journals.items()}
        verdicts = {each.name: each for each in examine(trimmed)}
        assert [line for each in verdicts.values() for line in each.evidence] == []
        assert verdicts["linearizable"].ok is None
        assert verdicts["effects"].ok is (True if cut == 1 else None)  # first is a fence, which tells of no operation
        assert "journals are not known from their beginning" in verdicts["effects"].summary


def test_a_repeat_whose_first_turn_was_trimmed_accuses_nobody(evidence: Evidence) -> None:
    operation = first(evidence, Verb.ASK, "deposit")
    entries, _, turn = standing(evidence, operation)
    same = [line for each in entries for line in each.record.turns if line["key"] == turn["key"]]
    *_, other = (line for line in same if "answer" in line and line["id"].startswith("op-"))
    assert other["id"] != turn["id"]
    entries[-1].record.turns += [{**other, "v": same[-1]["v"]}, {**turn, "v": same[-1]["v"]}]
    evidence.journals = {**evidence.journals, place_of(evidence, entries): entries[-1:]}
    found = verdict(evidence, "effects")
    assert (found.ok, found.evidence) == (None, [])


def test_journals_that_were_not_read_leave_almost_everything_open(evidence: Evidence) -> None:
    evidence.journals = {}
    verdicts = {each.name: each.ok for each in examine(evidence)}
    assert [verdicts[name] for name in ("effects", "linearizable", "order")] == [None, None, None]
    assert False not in verdicts.values()


def test_whoever_does_not_answer_after_the_last_heal_is_seen(evidence: Evidence) -> None:
    silent = replace(evidence.probes[0], outcome=Outcome.UNKNOWN, ended=inf, error="silence")
    evidence.probes = [silent, *evidence.probes[1:]]
    found = verdict(evidence, "answers")
    assert found.ok is False
    assert "after 1 attempts: silence" in found.evidence[0]


def test_a_strike_that_never_ended_is_seen(evidence: Evidence) -> None:
    evidence.strikes = [Strike("nats", "", 1.0, 2.0), Strike("disk", "small", 1.0)]
    assert verdict(evidence, "answers").evidence == [
        "after nats at 1.000 s not everything answered again",
        "disk small at 1.000 s was never healed",
    ]


def test_probes_before_the_last_heal_say_nothing(evidence: Evidence) -> None:
    evidence.strikes = [Strike("kill", "", 1.0, 1_000_000.0, 1_000_000.0)]
    assert verdict(evidence, "answers").ok is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"minimum": Minimum(operations=10_000)}, "at least 10,000 are needed"),
        ({"minimum": Minimum(operations=10)}, "0 operations ask through edge, at least 20 are needed"),
        ({"faults": frozenset({"kill", "disk"})}, "disk struck 0 times under load"),
        ({"strikes": [Strike("kill", "", 1e6, 1e6 + 1, 1e6 + 1)]}, "kill struck 0 times under load"),
    ],
)
def test_a_run_in_which_too_little_happened_is_not_meaningful(evidence: Evidence, change: dict[str, Any], says: str) -> None:
    found = verdict(replace(evidence, **change), "enough")
    assert found.ok is False
    assert found.summary.startswith("not meaningful")
    assert any(says in line for line in found.evidence), found.evidence


def test_a_run_in_which_nobody_was_answered_is_not_meaningful(evidence: Evidence) -> None:
    evidence.operations = [replace(each, outcome=Outcome.UNKNOWN) for each in evidence.operations]
    assert "0% of the operations were answered, at least 50% are needed" in verdict(evidence, "enough").evidence


def test_evidence_is_shown_up_to_a_number_of_lines(evidence: Evidence) -> None:
    evidence.events = []
    lines = verdict(evidence, "outbox").evidence
    assert len(lines) == 21
    assert lines[-1].startswith("… and ")
