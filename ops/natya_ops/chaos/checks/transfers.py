"""Transfers neither lose nor make money, and come to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from natya.names import encode_key
from natya_ops.chaos.checks.evidence import Evidence
from natya_ops.chaos.checks.journals import Journals
from natya_ops.chaos.checks.verdict import Verdict, judge
from natya_ops.chaos.record import Operation, Outcome, Verb

SIGNS = {"deposit": 1, "withdraw": -1}
ENDED = frozenset({"done", "refused", "returned"})
ASKED = ("source", "target", "amount")


def check_transfers(evidence: Evidence, journals: Journals) -> Verdict:
    """All balances and what is under way add up to the opening balances with all deposits and withdrawals of clients. An accepted
    transfer has ended, is what was asked for, and its two accounts are as the journals have them."""
    starts = [operation for operation in evidence.operations if (operation.kind, operation.method) == ("transfer", "start")]
    found = [*_ends(evidence, starts), *_balances(evidence, journals)]
    accounts = {operation.key for operation in evidence.operations if operation.kind == "account"}
    accounts |= {start.arguments[name] for start in starts for name in ("source", "target")}
    unread = sorted(accounts - evidence.balances.keys())
    phases = Counter(str(transfer.get("phase")) for transfer in evidence.transfers.values())
    least, most = _expected(evidence, journals, accounts)
    total = sum(evidence.balances[key] for key in accounts if key in evidence.balances)
    flying = sum(_under_way(evidence, start.key) for start in {start.key: start for start in starts}.values())
    if not unread and not least - flying <= total <= most:
        found.append(f"the balances are {total:,} in all, {_range(least - flying, most)} expected")
    text = ", ".join(f"{number:,} {phase}" for phase, number in sorted(phases.items())) or "no transfers"
    summary = f"{text}; {len(accounts) - len(unread)} accounts hold {total:,}, {_range(least - flying, most)} expected"
    if unread:
        summary += f"; no balance of {len(unread)} accounts was read, {unread[0]} among them"
    return judge("transfers", len(starts), summary, found, unknown=len(unread))


def _ends(evidence: Evidence, starts: list[Operation]) -> Iterator[str]:
    for start in starts:
        transfer = evidence.transfers.get(start.key)
        phase = transfer.get("phase") if transfer else None
        if transfer is None or phase == "new":
            if start.outcome is Outcome.OK and start.verb is Verb.ASK:
                yield f"transfer {start.key} was accepted, but {'is new' if transfer else 'its end is not known'}"
            continue
        if phase not in ENDED:
            yield f"transfer {start.key} is still {phase}"
        if start.outcome is Outcome.OK and [transfer.get(name) for name in ASKED] != [
            start.arguments[name] for name in ASKED
        ]:
            yield f"transfer {start.key} is {dict(transfer)!r}, but {start.arguments!r} was asked for"


def _balances(evidence: Evidence, journals: Journals) -> Iterator[str]:
    """Where the journal has an account's last answer, that is its balance."""
    for key, balance in evidence.balances.items():
        effects = [line for line in journals.of_key.get(("account", encode_key(key)), ()) if line.effect]
        if effects and effects[-1].turn["answer"]["balance"] != balance:
            yield f"account {key} says {balance:,}, {effects[-1].where} {effects[-1].turn['answer']['balance']:,}"


def _expected(evidence: Evidence, journals: Journals, accounts: set[str]) -> tuple[int, int]:
    """What the accounts hold and what is under way, at least and at most: operations of which it is not known whether they took
    effect make the difference."""
    least = most = sum(balance for key, balance in evidence.opening.items() if key in accounts)
    for operation in evidence.operations:
        if operation.kind != "account" or operation.method not in SIGNS:
            continue
        amount = SIGNS[operation.method] * operation.arguments["amount"]
        took = _took_effect(operation, journals)
        least += amount if took or (took is None and amount < 0) else 0
        most += amount if took or (took is None and amount > 0) else 0
    return least, most


def _took_effect(operation: Operation, journals: Journals) -> bool | None:
    if operation.outcome in (Outcome.REFUSED, Outcome.FAILED):
        return False
    if operation.outcome is Outcome.OK and operation.verb is Verb.ASK:
        return True
    if lines := journals.of(operation):
        return any(line.effect for line in lines)
    if journals.knows("account", encode_key(operation.key)):
        return False
    return None


def _under_way(evidence: Evidence, key: str) -> int:
    """What a transfer may have taken and not given, at most."""
    transfer = evidence.transfers.get(key, {})
    return 0 if transfer.get("phase", "new") in ENDED | {"new"} else int(transfer.get("amount", 0))


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
