"""Epochs and versions never go back: one writer at a time, and one history of each actor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from natya.runtime.turn import STRAY
from natya_ops.chaos.checks.evidence import Entry, Evidence
from natya_ops.chaos.checks.journals import Journals
from natya_ops.chaos.checks.verdict import Verdict, judge


def check_order(evidence: Evidence, journals: Journals) -> Verdict:
    """Read each journal from its first to its last record. An epoch begins with a fence, above all before; only its writer
    writes in it. A success is one version on, a *no* and a repeat are none; checkpoint and positions of mail only grow."""
    found: list[str] = []
    for (kind, partition), entries in journals.entries.items():
        where = f"{kind} partition {partition}"
        found += _records(where, entries)
        found += _versions(where, entries, complete=journals.complete[kind, partition])
    records = sum(map(len, journals.entries.values()))
    fences = sum(entry.record.header.fence for entries in journals.entries.values() for entry in entries)
    summary = f"{records:,} records of {len(journals.entries)} journals, {fences} fences"
    if not records:
        return judge("order", 0, "no journal was read", found, unknown=1)
    return judge("order", records, summary + journals.trimmed(), found)


def _records(where: str, entries: Sequence[Entry]) -> Iterator[str]:
    for before, entry in pairwise(entries):
        old, new = before.record.header, entry.record.header
        here = f"{where} record {entry.sequence}"
        if entry.sequence <= before.sequence:
            yield f"{here}: comes after record {before.sequence}"
        if new.fence and new.epoch <= old.epoch:
            yield f"{here}: a fence of epoch {new.epoch} after epoch {old.epoch}"
        elif new.epoch < old.epoch:
            yield f"{here}: the epoch falls from {old.epoch} to {new.epoch}"
        elif new.epoch > old.epoch and not new.fence:
            yield f"{here}: epoch {new.epoch} begins without a fence after epoch {old.epoch}"
        elif new.epoch == old.epoch and new.node != old.node:
            yield f"{here}: {new.node} writes in the epoch of {old.node}"
        if new.checkpoint < old.checkpoint:
            yield f"{here}: the checkpoint falls from {old.checkpoint} to {new.checkpoint}"
        if new.since != old.sent:
            yield f"{here}: knows of messages sent up to {new.since}, its predecessor of {old.sent}: a record is missing between"


def _versions(where: str, entries: Sequence[Entry], *, complete: bool) -> Iterator[str]:
    versions: dict[str, int] = {}
    mails: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    head = 0
    for entry in entries:
        here = f"{where} record {entry.sequence}"
        position = entry.record.header.mail
        if position is not None:
            if position.head < head:
                yield f"{here}: the mail position falls from {head} to {position.head}"
            head = position.head
        for turn in entry.record.turns:
            token, version, place = turn["key"], turn["v"], (turn["key"], turn["id"])
            if version == STRAY:
                continue
            before: int = versions.get(token, 0 if complete else version)
            still = "error" in turn or place in seen or (not complete and token not in versions)
            if version != before + (not still):
                yield f"{here}: {token} goes from version {before} to {version} by {turn['method']} {turn['id']}"
            if turn["m"] < mails.get(token, 0):
                yield f"{here}: the last mail of {token} falls from {mails[token]} to {turn['m']}"
            versions[token], mails[token] = version, turn["m"]
            if "error" not in turn:
                seen.add(place)
