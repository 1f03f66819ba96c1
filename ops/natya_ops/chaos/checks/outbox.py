"""Every committed message was delivered exactly once, and none that nobody committed.

A tell is delivered when its receiver has a turn of its id; sent again, it is recognised there and has no second effect.
Events and dead letters are delivered when their stream has them. What no stream took for long has become a dead letter of its
own. Results that were asked for (``Natya-Reply-To``) are published once and not stored: they cannot be checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from natya.message import MSG_ID
from natya_ops.chaos.checks.evidence import Evidence, Stored
from natya_ops.chaos.checks.journals import SENT, Journals, Line
from natya_ops.chaos.checks.verdict import Verdict, judge


@dataclass(slots=True)
class _Sent:
    """What the journals say was sent, by id: tells with kind and token of the receiver, and all with where they stand."""

    tells: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)


def check_outbox(evidence: Evidence, journals: Journals) -> Verdict:
    """Compare what turns sent with what has arrived."""
    sent = _sent(journals)
    given_up = {stored.id for stored in evidence.dead or ()}
    found: list[str] = []
    unknown = 0
    for id, (kind, token, where) in sent.tells.items():
        lines: Sequence[Line] = journals.lines.get((kind, token, id), [])
        effects = sum(line.effect for line in lines)
        if effects > 1:
            found.append(f"tell {id} to {kind}/{token}, {where}, took effect {effects} times")
        elif effects and lines[0].slug:
            found.append(f"tell {id} to {kind}/{token}, {where}, was refused with {lines[0].slug} and then took effect")
        elif not lines and id not in given_up:
            if journals.knows(kind, token):
                found.append(f"tell {id} to {kind}/{token}, {where}, never arrived")
            else:
                unknown += 1
    found += _unsent_tells(sent, journals)
    for name, expected, stored in (("event", sent.events, evidence.events), ("dead letter", sent.dead, evidence.dead)):
        if stored is None:
            unknown += len(expected)
            continue
        found += _stored(name, expected, stored, given_up if name == "event" else frozenset())
        found += _uncommitted(name, {*sent.events, *sent.dead, *sent.tells}, stored, journals)
    lost = len(given_up & {*sent.tells, *sent.events})
    count = len(sent.tells) + len(sent.events) + len(sent.dead)
    summary = f"{len(sent.tells):,} tells, {len(sent.events):,} events and {len(sent.dead):,} dead letters of turns"
    summary += " were delivered once each" if not found else f": {len(found):,} contradictions"
    summary += f"; {lost} given up as undeliverable" if lost else ""
    summary += f"; {unknown:,} could not be judged" if unknown else ""
    return judge("outbox", count, summary + journals.trimmed(), found, unknown=unknown)


def _sent(journals: Journals) -> _Sent:
    sent = _Sent()
    for (kind, partition), entries in journals.entries.items():
        for entry in entries:
            for turn, line in enumerate(entry.record.turns):
                for number, out in enumerate(line.get("out", ())):
                    id = f"{kind}.{partition}.{entry.sequence}.{turn}.{number}"
                    _note(sent, id, out, f"{kind} partition {partition} record {entry.sequence}")
    return sent


def _note(sent: _Sent, id: str, out: dict[str, Any], where: str) -> None:
    _, sort, *rest = out["subject"].split(".")
    own = out.get("headers", {}).get(MSG_ID, id)
    if out.get("to"):
        sent.tells[id] = (rest[0], out["to"], where)
    elif out.get("stored", True):
        (sent.dead if sort == "dead" else sent.events)[own] = f"{out['subject']}, {where}"


def _stored(name: str, expected: dict[str, str], stored: Sequence[Stored], given_up: Set[str]) -> Iterator[str]:
    times = Counter(message.id for message in stored)
    for id, where in expected.items():
        if times[id] > 1:
            yield f"{name} {id}, {where}, is stored {times[id]} times"
        elif not times[id] and id not in given_up:
            yield f"{name} {id}, {where}, is not stored"


def _unsent_tells(sent: _Sent, journals: Journals) -> Iterator[str]:
    for (kind, token, id), lines in journals.lines.items():
        if _is_known(id, journals) and sent.tells.get(id, ("", "", ""))[:2] != (kind, token):
            yield f"tell {id} reached {kind}/{token} ({lines[0].where}), but no turn sent it there"


def _uncommitted(name: str, ids: set[str], stored: Sequence[Stored], journals: Journals) -> Iterator[str]:
    for message in stored:
        if message.id not in ids and _is_known(message.id, journals):
            yield f"{name} {message.subject} with the id {message.id} is stored, but no turn sent it"


def _is_known(id: str, journals: Journals) -> bool:
    """Whether the id names a place in a journal that was read: neither before its first record nor behind its last."""
    match = SENT.match(id)
    if match is None:
        return False
    entries = journals.entries.get((match[1], int(match[2])))
    return entries is not None and len(entries) > 0 and entries[0].sequence <= int(match[3]) <= entries[-1].sequence
