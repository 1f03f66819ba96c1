"""``natya call``, ``tell``, ``state``, ``history`` and ``dead``: one actor from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.conftest import Failing, Up, without_progress


def eventually(read: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What ``read`` gives once it is ``wanted``."""
    limit = time.monotonic() + 30
    while not wanted(found := read()):
        assert time.monotonic() < limit, f"still {found}"
    return found


def test_a_call_prints_its_result(up: Up) -> None:
    shown = up.natya("call", "account", "ann", "deposit", '{"amount": 5}')
    assert (shown.returncode, json.loads(shown.stdout)) == (0, {"balance": 5})
    assert up.document("call", "account", "ann", "balance") == {"balance": 5}
    piped = up.natya("call", "account", "ann", "deposit", "-", stdin='{"amount": 2}')
    assert json.loads(piped.stdout) == {"balance": 7}
    assert up.document("call", "greeter", "Ann", "greet") == {"text": "Hello, Ann!"}


def test_an_id_has_one_effect_and_a_version_is_a_condition(up: Up, failure: Failing) -> None:
    deposit = ("call", "account", "ida", "deposit", '{"amount": 5}')
    assert up.document(*deposit, "--id", "one") == {"balance": 5}
    assert up.document(*deposit, "--id", "one") == {"balance": 5}
    assert failure("call", "account", "ida", "deposit", '{"amount": 6}', "--id", "one").startswith("id_reused: ")
    assert up.document(*deposit, "--if-version", "1") == {"balance": 10}
    assert failure(*deposit, "--if-version", "1") == "precondition_failed: the actor is at version 2, not 1"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nope", "ann", "deposit"), "unknown_kind: no kind 'nope' is deployed; there is account, greeter, inbox, transfer"),
        (("account", "ann", "nope"), "unknown_method: account has no method 'nope'; it has balance, deposit, withdraw"),
        (("account", "ann", "deposit", "{bad"), "not_json: the parameters {bad are not JSON: "),
        (("account", "ann", "deposit", '{"amount": -1}'), "invalid: account.deposit: amount: "),
        (("account", "", "balance"), "invalid: the key is empty"),
        (("Account", "ann", "balance"), "invalid: 'Account' is not a kind"),
    ],
)
def test_what_cannot_be_called_is_said_in_one_line(failure: Failing, arguments: tuple[str, ...], line: str) -> None:
    assert failure("call", *arguments).startswith(line)


def test_a_no_of_the_actor_is_a_failure_and_for_programs_its_problem_document(up: Up) -> None:
    done = up.natya("call", "account", "poor", "withdraw", '{"amount": 5}', "--json")
    assert done.returncode == 1
    problem = json.loads(done.stdout)
    assert (problem["code"], problem["status"], problem["balance"]) == ("insufficient_funds", 409, 0)
    assert without_progress(done.stderr) == ["natya: insufficient_funds: the balance is 0, 5 cannot be withdrawn"]


def test_a_tell_says_where_it_is_stored_and_the_state_shows_its_effect(up: Up, failure: Failing) -> None:
    tell = ("tell", "inbox", "bea", "deliver", '{"text": "hello"}')
    stored = up.document(*tell, "--id", "note-1")
    assert (stored["sequence"] > 0, stored["id"]) == (True, "note-1")
    assert up.document(*tell, "--id", "note-1") == stored
    shown = up.natya(*tell, "--id", "note-2").stdout
    assert shown.startswith("stored as ")
    assert shown.endswith(" with id note-2\n")
    state = eventually(lambda: up.document("state", "inbox", "bea"), lambda found: bool(found["version"] >= 2))
    assert (state["kind"], state["key"], state["state"]["received"]) == ("inbox", "bea", 2)
    assert up.natya("state", "inbox", "bea").stdout.startswith("inbox/bea at version 2\n{")
    assert failure("tell", "inbox", "bea", "newest").startswith("invalid: 'newest' is a query")
    assert failure("state", "greeter", "x") == "invalid: greeter is stateless: its actors have no state"


def test_the_history_tells_turns_with_outcome_and_what_they_sent(up: Up) -> None:
    up.document("call", "inbox", "cleo", "deliver", '{"text": "hello"}', "--id", "first")
    up.natya("call", "inbox", "cleo", "deliver", '{"text": "again"}')
    found = up.document("history", "inbox", "cleo")
    first, second = found["turns"]
    assert (found["version"], found["more"], found["trimmed_to"]) == (2, False, 0)
    assert (first["id"], first["method"], first["version"], first["outcome"]) == ("first", "deliver", 1, "ok")
    assert first["answer"] == {"received": 1}
    assert first["sent"] == [{"what": "event delivered", "subject": "natya.event.inbox.cleo.delivered"}]
    assert second["version"] == 2
    shown = up.natya("history", "inbox", "cleo", "--limit", "1").stdout
    assert "event delivered" in shown
    assert shown.endswith("older turns are in the journal: see more with --limit\n")
    assert up.natya("history", "inbox", "nobody").stdout == (
        "no command of inbox/nobody has ever succeeded, and the journal has none that failed\n"
    )


def test_a_message_that_is_given_up_is_among_the_dead(up: Up, failure: Failing) -> None:
    up.document("tell", "account", "a.b", "deposit", '{"amount": -1}')
    listed = eventually(
        lambda: [one for one in up.document("dead", "ls", "--kind", "account")["dead"] if one["key"] == "a.b"], bool
    )
    letter = up.document("dead", "show", str(listed[0]["number"]))
    assert letter == listed[0]
    assert (letter["method"], letter["error"]["code"], letter["body"]) == ("deposit", "invalid", '{"amount": -1}')
    assert "a.b" in up.natya("dead", "ls").stdout
    assert failure("dead", "show", "99999") == "invalid: there is no dead letter 99999: natya dead ls lists those there are"
