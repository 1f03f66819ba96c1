"""The actors that ship, on a table-top: turns with ids, stored tells, and crashes wherever a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import natya_actors
from natya import Invalid, NatyaError, OutcomeUnknown, Reject, Unavailable
from natya.manifest import Definition, definitions_in
from natya.ref import Options
from natya_actors import Account, Greeter, Inbox, Transfer
from natya_actors.inbox import KEPT
from support.acting import NOON, acting, perform, reading

KINDS = {definition.kind: definition for definition in definitions_in(natya_actors)}


class Crash(BaseException):
    """The process died."""


class Table:
    """One state a key, one answer an id, tells in order. ``trouble`` is asked before and after every ask and before every
    commit whether something goes wrong there, and raises if so."""

    def __init__(self, trouble: Callable[[str], None] = lambda where: None) -> None:
        self.states: dict[tuple[str, str], bytes] = {}
        self.answers: dict[tuple[str, str, str], bytes | NatyaError] = {}
        self.mail: list[tuple[str, str, str, bytes, str]] = []
        self.trouble = trouble
        self._ids = count()

    async def ask(self, definition: Definition, key: str, method: str, **arguments: Any) -> Any:
        return orjson.loads(await self.turn(definition.kind, key, method, orjson.dumps(arguments), f"ask-{next(self._ids)}"))

    async def turn(self, kind: str, key: str, name: str, body: bytes, id: str) -> bytes:
        """One turn to its commit, or the answer that is known already."""
        known = self.answers.get((kind, key, id))
        if known is None:
            known = await self._turn(kind, key, name, body, id)
        if isinstance(known, NatyaError):
            raise known
        return known

    async def _turn(self, kind: str, key: str, name: str, body: bytes, id: str) -> bytes | NatyaError:
        definition = KINDS[kind]
        method = definition.methods[name]
        actor = definition.instance(key, definition.thaw(self.states.get((kind, key)), definition.schema))
        turn = Turn(self, key, id)
        acting(actor, turn)
        outcome: bytes | NatyaError
        try:
            outcome = method.dump(await method.function(actor, **method.parse(body)))
        except (Reject, Invalid) as no:
            outcome = no
        else:
            self.trouble("commit")
            self.states[kind, key] = definition.freeze(actor.state)
            self.mail += turn.told
        self.answers[kind, key, id] = outcome
        return outcome

    async def deliver(self, attempts: int) -> None:
        """Hand over the mail, each piece again until it is done, at most so often in all."""
        for _ in range(attempts):
            if not self.mail:
                return
            try:
                await self.turn(*self.mail[0])
            except (Crash, OutcomeUnknown, Unavailable):
                continue
            del self.mail[0]
        assert not self.mail, f"still not delivered: {self.mail}"

    async def balance(self, key: str) -> int:
        found = await self.ask(KINDS["account"], key, "balance")
        assert isinstance(found["balance"], int)
        return found["balance"]


class Turn:
    """One turn at the table."""

    def __init__(self, table: Table, key: str, id: str) -> None:
        self.key = key
        self.caller = ""
        self.now = NOON
        self.id = id
        self.told: list[tuple[str, str, str, bytes, str]] = []
        self._table = table
        self._sent = 0

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        self._table.trouble("before")
        answer = await self._table.turn(kind, key, method, body, self._next())
        self._table.trouble("after")
        return answer

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        self.told.append((kind, key, method, body, self._next()))

    def emit(self, event: str, body: bytes) -> None: ...

    def _next(self) -> str:
        self._sent += 1
        return f"{self.id}/{self._sent}"


def test_the_package_lists_its_actors() -> None:
    assert sorted(KINDS) == ["account", "greeter", "inbox", "transfer"]
    for definition in KINDS.values():
        assert definition.doc
        assert all(method.doc for method in definition.methods.values())
        assert definition.actor.__name__ in natya_actors.__all__


# account --------------------------------------------------------------------------------------------------------------


async def test_account_deposits_withdraws_and_tells_its_balance() -> None:
    table = Table()
    account = Definition.of(Account)
    assert await table.ask(account, "alice", "deposit", amount=5) == {"balance": 5}
    assert await table.ask(account, "alice", "withdraw", amount=2) == {"balance": 3}
    assert await table.ask(account, "alice", "balance") == {"balance": 3}
    assert await table.ask(account, "bob", "balance") == {"balance": 0}


async def test_account_rejects_what_it_does_not_have() -> None:
    actor, _ = perform(Account)
    await actor.deposit(amount=3)
    with pytest.raises(Reject) as caught:
        await actor.withdraw(amount=4)
    assert (caught.value.slug, caught.value.code, caught.value.extra) == ("insufficient_funds", 409, {"balance": 3})
    assert actor.state.balance == 3


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", '"1"', "null", str(2**63)])
def test_account_takes_positive_whole_amounts_only(amount: str) -> None:
    with pytest.raises(Invalid):
        Definition.of(Account).methods["deposit"].parse(f'{{"amount":{amount}}}'.encode())


# transfer -------------------------------------------------------------------------------------------------------------


async def started(table: Table, amount: int = 5) -> dict[str, Any]:
    found: dict[str, Any] = await table.ask(
        Definition.of(Transfer), "t1", "start", source="alice", target="bob", amount=amount
    )
    return found


async def phase(table: Table) -> str:
    return str((await table.ask(Definition.of(Transfer), "t1", "status"))["phase"])


async def test_transfer_moves_the_amount() -> None:
    table = Table()
    await table.ask(Definition.of(Account), "alice", "deposit", amount=8)
    assert (await started(table))["phase"] == "withdrawing"
    await table.deliver(attempts=2)
    assert (await table.balance("alice"), await table.balance("bob"), await phase(table)) == (3, 5, "done")


async def test_transfer_that_the_source_rejects_moves_nothing() -> None:
    table = Table()
    await started(table)
    await table.deliver(attempts=1)
    status = await table.ask(Definition.of(Transfer), "t1", "status")
    assert (status["phase"], status["reason"]) == ("refused", "insufficient_funds")
    assert (await table.balance("alice"), await table.balance("bob")) == (0, 0)


async def test_transfer_that_the_target_refuses_goes_back() -> None:
    table = Table()
    await table.ask(Definition.of(Account), "alice", "deposit", amount=8)
    await table.ask(Definition.of(Transfer), "t1", "start", source="alice", target="b" * 201, amount=5)
    await table.deliver(attempts=3)
    status = await table.ask(Definition.of(Transfer), "t1", "status")
    assert (status["phase"], status["reason"], await table.balance("alice")) == ("returned", "invalid", 8)


async def test_transfer_repeated_answers_the_same_and_moves_nothing_more() -> None:
    table = Table()
    await table.ask(Definition.of(Account), "alice", "deposit", amount=20)
    first = await started(table)
    assert await started(table) == first
    await table.deliver(attempts=2)
    assert (await started(table))["phase"] == "done"
    assert (table.mail, await table.balance("bob")) == ([], 5)


async def test_transfer_repeated_with_other_arguments_is_rejected() -> None:
    table = Table()
    await started(table)
    with pytest.raises(Reject, match="transfer_exists: t1 moves 5 from alice to bob"):
        await started(table, amount=6)


async def test_transfer_needs_two_accounts() -> None:
    with pytest.raises(Reject, match="same_account"):
        await perform(Transfer)[0].start(source="a", target="a", amount=1)


async def test_a_step_that_is_over_is_not_taken_again() -> None:
    table = Table()
    await table.ask(Definition.of(Account), "alice", "deposit", amount=8)
    await started(table)
    await table.deliver(attempts=2)
    for late in ("withdrawing", "depositing", "done"):
        await table.ask(Definition.of(Transfer), "t1", "proceed", phase=late)
    assert (await table.balance("alice"), await table.balance("bob"), table.mail) == (3, 5, [])


_troubles = st.lists(st.sampled_from([None, Crash, OutcomeUnknown, Unavailable]), max_size=12)


@settings(max_examples=200, deadline=None)
@given(_troubles, st.integers(1, 10), st.integers(0, 10))
async def test_whatever_goes_wrong_the_total_stays_and_the_transfer_ends(
    troubles: list[type[BaseException] | None], amount: int, funds: int
) -> None:
    ahead: Iterator[type[BaseException] | None] = iter(troubles)

    def trouble(where: str) -> None:
        if quiet:
            return
        if (found := next(ahead, None)) is not None:
            raise found

    quiet = True
    table = Table(trouble)
    for name in ("alice", "bob"):
        await table.ask(Definition.of(Account), name, "deposit", amount=funds + 1)
    await started(table, amount)
    quiet = False
    await table.deliver(attempts=len(troubles) + 4)
    quiet = True
    moved = amount if amount <= funds + 1 else 0
    assert await phase(table) == ("done" if moved else "refused")
    assert await table.balance("alice") == funds + 1 - moved
    assert await table.balance("bob") == funds + 1 + moved


# greeter and inbox ----------------------------------------------------------------------------------------------------


async def test_greeter_greets_its_key() -> None:
    actor = reading(Greeter, "Ada")
    assert (await actor.greet()).text == "Hello, Ada!"
    assert (await actor.greet(greeting="Namaste")).text == "Namaste, Ada!"


async def test_inbox_keeps_the_newest_notes_and_publishes_each() -> None:
    actor, scope = perform(Inbox)
    for number in range(KEPT + 5):
        scope.now = NOON + timedelta(seconds=number)
        await actor.deliver(text=f"note {number}")
    assert [note.text for note in await actor.newest(limit=2)] == [f"note {KEPT + 4}", f"note {KEPT + 3}"]
    assert len(await actor.newest(limit=KEPT)) == len(actor.state.notes) == KEPT
    assert (await actor.received()).received == KEPT + 5
    assert len(scope.emitted) == KEPT + 5
    assert scope.emitted[0] == ("delivered", {"number": 1, "text": "note 0", "sender": "", "at": "2026-03-01T12:00:00Z"})
    definition = Definition.of(Inbox)
    assert definition.thaw(definition.freeze(actor.state), 1) == actor.state
