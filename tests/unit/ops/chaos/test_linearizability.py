"""Histories that have an order, and histories that have none."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natya_ops.chaos.linearizability import Limit, check
from natya_ops.chaos.models import Account, Counter, Register
from natya_ops.chaos.record import Operation, Outcome, Verb
from support.histories import balance, by_trying_all, command, deposit, executed, refused, told, unknown, withdraw
from support.history import Operation as Counted
from support.history import explain

LINEARIZABLE: dict[str, list[Operation]] = {
    "nothing": [],
    "one after another": [deposit(5, 0, 1, 5), withdraw(2, 2, 3, 3), balance(4, 5, 3)],
    "a read that overlaps a write sees it": [deposit(5, 0, 9, 5), balance(1, 2, 5), balance(3, 4, 5)],
    "a read that overlaps a write does not see it": [deposit(5, 0, 9, 5), balance(1, 2, 0)],
    "two writes answered in the other order": [deposit(5, 0, 9, 8), deposit(3, 1, 2, 3)],
    "a beginning at the very end of another": [deposit(5, 0, 1, 8), deposit(3, 1, 2, 3)],
    "an unknown write that is read": [unknown("deposit", 0, amount=5), balance(1, 2, 5)],
    "an unknown write that takes effect late": [unknown("deposit", 0, amount=5), balance(1, 2, 0), balance(3, 4, 0), balance(5, 6, 5)],
    "an unknown write that never takes effect": [unknown("deposit", 0, amount=5), balance(1, 2, 0), deposit(1, 3, 4, 1)],
    "an unknown withdrawal that is refused": [unknown("withdraw", 0, amount=5), deposit(7, 1, 2, 7), balance(3, 4, 7)],
    "one of two unknown writes": [unknown("deposit", 0, amount=5), unknown("deposit", 0, amount=3), balance(1, 2, 3)],
    "a tell that runs later": [told("deposit", 0, amount=5), balance(1, 2, 0), balance(3, 4, 5)],
    "a tell that runs after all else": [told("deposit", 0, amount=5), balance(1, 2, 0)],
    "refused before there is enough": [deposit(5, 0, 9, 5), refused("withdraw", 1, 2, amount=3), balance(3, 4, 5)],
    "refused for what has nothing to do with the state": [refused("deposit", 0, 1, "precondition_failed", amount=5), balance(2, 3, 0)],
    "one id, twice asked": [
        replace(deposit(5, 0, 1, 5), id="a"), balance(2, 3, 5), replace(deposit(5, 4, 5, 5), id="a"), balance(6, 7, 5),
    ],
    "one id, first unknown, then answered": [
        replace(unknown("deposit", 0, amount=5), id="a"), balance(1, 2, 5), replace(deposit(5, 3, 4, 5), id="a"),
    ],
    "failed, and so it was": [replace(unknown("deposit", 0, amount=5), outcome=Outcome.FAILED), balance(1, 2, 0)],
}  # fmt: skip

CONTRADICTORY: dict[str, list[Operation]] = {
    "a stale read": [deposit(5, 0, 1, 5), balance(2, 3, 0)],
    "a read goes back": [deposit(5, 0, 9, 5), balance(1, 2, 5), balance(3, 4, 0)],
    "a lost update": [deposit(5, 0, 2, 5), deposit(3, 1, 3, 3)],
    "an update that is lost later": [deposit(5, 0, 1, 5), deposit(3, 2, 3, 8), balance(4, 5, 3)],
    "an effect twice": [deposit(5, 0, 1, 5), balance(2, 3, 10)],
    "an unknown effect twice": [unknown("deposit", 0, amount=5), balance(1, 2, 5), balance(3, 4, 10)],
    "an unacknowledged write is read and then gone": [unknown("deposit", 0, amount=5), balance(1, 2, 5), balance(3, 4, 0)],
    "an effect before its beginning": [balance(0, 1, 5), deposit(5, 2, 3, 5)],
    "an unknown effect before its beginning": [balance(0, 1, 5), unknown("deposit", 2, amount=5)],
    "two writes in an order that time forbids": [deposit(5, 0, 1, 8), deposit(3, 2, 3, 3)],
    "refused though there was enough": [deposit(5, 0, 1, 5), refused("withdraw", 2, 3, amount=3)],
    "refused, and it had an effect": [deposit(5, 0, 1, 5), refused("withdraw", 2, 3, amount=9), balance(4, 5, 1)],
    "a deposit that was refused": [refused("deposit", 0, 1, amount=5)],
    "more than there was": [deposit(5, 0, 1, 5), withdraw(9, 2, 3, -4)],
    "failed, and took effect": [replace(unknown("deposit", 0, amount=5), outcome=Outcome.FAILED), balance(1, 2, 5)],
    "a tell that ran twice": [told("deposit", 0, amount=5), balance(1, 2, 5), balance(3, 4, 10)],
    "one id, two effects": [
        replace(deposit(5, 0, 1, 5), id="a"), replace(deposit(5, 2, 3, 10), id="a"), balance(4, 5, 10),
    ],
    "one id, two answers": [replace(deposit(5, 0, 1, 5), id="a"), replace(deposit(5, 2, 3, 7), id="a"), balance(4, 5, 5)],
    "an answer that says nothing": [command("deposit", 0, 1, None, amount=5)],
}  # fmt: skip


@pytest.mark.parametrize("name", LINEARIZABLE)
def test_a_history_that_some_order_explains(name: str) -> None:
    finding = check(Account(), LINEARIZABLE[name])
    assert finding.linearizable is True, finding.evidence
    assert finding.evidence == []


@pytest.mark.parametrize("name", CONTRADICTORY)
def test_a_history_that_no_order_explains(name: str) -> None:
    finding = check(Account(), CONTRADICTORY[name])
    assert finding.linearizable is False
    assert finding.evidence


def test_each_actor_is_judged_by_itself() -> None:
    history = [deposit(5, 0, 1, 5), replace(balance(2, 3, 0), key="bob"), replace(balance(2, 3, 0), kind="purse")]
    assert check(Account(), history).linearizable is True
    wrong = check(Account(), [*history, replace(balance(4, 5, 1), key="bob")])
    assert (wrong.linearizable, wrong.histories) == (False, 3)
    assert all(line.startswith("account/bob") for line in wrong.evidence)


def test_the_evidence_names_what_could_not_be_placed_and_what_came_before() -> None:
    finding = check(Account(), [deposit(5, 0, 1, 5), balance(2, 3, 5), balance(4, 6, 4), balance(5, 7, 5)])
    ordering = finding.orderings["account", "alice"]
    assert [operation.ended for operation in ordering.order] == [1, 3, 7]
    assert [operation.result for operation in ordering.stuck] == [{"balance": 4}]
    assert ordering.state == 5
    text = "\n".join(finding.evidence)
    assert "at best 3 of 4 operations" in text
    assert "? client 1 query account/alice balance() [4.000000, 6.000000] → {'balance': 4}" in text


def test_the_order_that_was_found_explains_the_history() -> None:
    history = executed(Random(5), 60, lost=0.1)
    finding = check(Account(), history)
    order = finding.orderings["account", "alice"].order
    state = 0
    for place, operation in enumerate(order):
        (state,) = Account().step(state, operation)
        assert all(operation.ended >= earlier.begun for earlier in order[:place])
    assert {id(operation) for operation in history if operation.outcome is not Outcome.UNKNOWN} <= {*map(id, order)}


def test_a_search_that_is_too_long_says_that_it_is_undecided() -> None:
    history = executed(Random(1), 300, overlap=5)
    assert check(Account(), history).linearizable is True
    finding = check(Account(), history, Limit(steps=50))
    assert (finding.linearizable, finding.undecided, finding.steps) == (None, 1, 50)
    assert "was given up after 50 steps" in finding.evidence[0]
    assert check(Account(), history, Limit(seconds=0.0)).linearizable is None


def test_a_contradiction_elsewhere_outweighs_what_is_undecided() -> None:
    long = executed(Random(1), 300, overlap=5)
    wrong = [replace(operation, key="zoe") for operation in CONTRADICTORY["a stale read"]]
    finding = check(Account(), [*long, *wrong], Limit(steps=50))
    assert (finding.linearizable, finding.undecided) == (False, 1)


def test_a_register_is_not_left_as_it_is_by_a_write_of_the_same_value() -> None:
    def write(value: int, begun: float, ended: float) -> Operation:
        return command("write", begun, ended, None, value=value)

    def read(value: int, begun: float, ended: float) -> Operation:
        return command("read", begun, ended, value, verb=Verb.QUERY)

    there_and_back = [write(1, 0, 1), write(1, 2, 9), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6)]
    assert check(Register(), there_and_back).linearizable is True
    assert check(Register(), [*there_and_back, read(2, 10, 11)]).linearizable is False


@given(st.integers(0, 1 << 32), st.integers(0, 60), st.sampled_from([0.0, 1.0, 3.0, 8.0]), st.sampled_from([0.0, 0.05]))
@settings(max_examples=60, deadline=None)
def test_what_was_executed_is_always_linearizable(seed: int, count: int, overlap: float, unseen: float) -> None:
    history = executed(Random(seed), count, overlap=overlap, tells=unseen, lost=unseen)
    assert check(Account(), history).linearizable is True


@given(st.integers(0, 1 << 32), st.integers(1, 6), st.sampled_from([1.0, 3.0]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_small_histories_are_judged_as_by_trying_all_orders(seed: int, count: int, overlap: float, spoil: bool) -> None:
    chance = Random(seed)
    history = executed(chance, count, overlap=overlap, largest=3, tells=0.15, lost=0.15)[:7]
    if spoil:
        place = chance.randrange(len(history))
        if history[place].outcome is Outcome.OK and history[place].verb is not Verb.TELL:
            history[place] = replace(history[place], result={"balance": chance.randint(0, 6)})
    assert check(Account(), history).linearizable is by_trying_all(Account(), history)


def test_a_wrong_answer_is_found_in_almost_every_history() -> None:
    """Two answers of a history are swapped. Where they were given at the same time, or to equal questions, that may be right."""
    caught = swapped = 0
    for seed in range(120):
        chance = Random(seed)
        history = executed(chance, 40, overlap=2)
        answered = [place for place, operation in enumerate(history) if operation.outcome is Outcome.OK]
        one, other = chance.sample(answered, 2)
        if history[one].result == history[other].result:
            continue
        results = history[one].result, history[other].result
        history[one], history[other] = replace(history[one], result=results[1]), replace(history[other], result=results[0])
        swapped += 1
        caught += check(Account(), history).linearizable is False
    assert swapped > 100
    assert caught >= 0.95 * swapped


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_counters_are_judged_as_by_the_exact_rule(seed: int) -> None:
    """The order of a counter's operations is known from their answers, so it can be judged without a search."""
    chance = Random(seed)
    counted, history, value = [], [], 0
    for number in range(chance.randint(1, 12)):
        read = chance.random() < 0.4
        value += not read
        seen = value if chance.random() < 0.95 else chance.randint(0, value + 1)
        begun, ended = number - chance.uniform(0, 3), number + chance.uniform(0, 3)
        if not read and chance.random() < 0.1:
            counted.append(Counted(begun, inf, None))
            history.append(unknown("increment", begun))
            continue
        counted.append(Counted(begun, ended, seen, read=read))
        verb, method = (Verb.QUERY, "value") if read else (Verb.ASK, "increment")
        history.append(command(method, begun, ended, {"value": seen}, verb=verb))
    valid = all(operation.value != 0 or operation.read for operation in counted)
    assert check(Counter(), history).linearizable is (valid and not explain(counted))


def test_a_long_history_with_lost_answers_takes_about_as_many_steps_as_operations() -> None:
    history = executed(Random(3), 4_000, overlap=15, largest=100, lost=0.004)
    assert sum(operation.outcome is Outcome.UNKNOWN for operation in history) > 20
    finding = check(Account(), history)
    assert finding.linearizable is True
    assert finding.steps < 10 * len(history)


def test_one_operation_that_lasts_through_all_others_does_not_make_the_search_long() -> None:
    others = executed(Random(4), 1_000, overlap=2)
    finding = check(Account(), [*others, balance(-10, 2_000, 0), refused("withdraw", -10, 2_000, amount=10_000)])
    assert finding.linearizable is True
    assert finding.steps < 3 * len(others)


def test_many_equal_tells_are_not_tried_one_by_one() -> None:
    tells = [told("deliver", 0, text=f"note {number}") for number in range(200)]
    reads = [
        command("received", begun, begun + 1, {"received": seen}, verb=Verb.QUERY)
        for begun, seen in ((1, 0), (3, 70), (5, 200))
    ]
    model = Counter("deliver", "received", "received")
    assert check(model, [*tells, *reads]).linearizable is True
    finding = check(model, [*tells, *reads, command("received", 7, 8, {"received": 201}, verb=Verb.QUERY)])
    assert finding.linearizable is False
    assert finding.steps < 2_000
