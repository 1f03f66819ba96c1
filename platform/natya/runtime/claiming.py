"""Becoming the owner: phase one of a partition's life, before `recovering`.

Two steps, each a compare-and-set. (1) The *owner key* says who may try: it is taken only from a released key or from an owner
whose end is certain (`ownership` judges that), and its epoch grows. (2) The *fence* is a record appended to the journal that
expects exactly the last sequence: from then on whoever owned before is refused, whatever it still believes.

**Failure.** A wins the key (epoch 5) and stalls; B wins it (6), fences and serves; A wakes and would fence with a fresh read. It
reads B's record, sees the higher epoch and stops: epochs in the journal never fall. **Failure.** The key-value store was
restored from an older copy: its epoch is lower than the journal's. The new epoch is above both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from natya.ports.journal import AppendConflict, AppendRefused, AppendTooLarge, AppendUnknown, Record
from natya.ports.lease import LeaseUnknown, RevisionConflict
from natya.runtime.batch import Header, decode, encode
from natya.runtime.offer import Offer
from natya.runtime.view import Owner
from natya.runtime.world import World

PAUSE = 0.02
PAUSE_LIMIT = 0.5


class ClaimLost(Exception):
    """Raised when somebody else has the partition, or may have it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition won: the owner key's revision, and the fence's sequence and header. ``group`` names the queue group of its
    calls."""

    kind: str
    partition: int
    revision: int
    group: int
    sequence: int
    header: Header

    @property
    def epoch(self) -> int:
        return self.header.epoch

    @property
    def owner(self) -> Owner:
        """What the owner key says."""
        return Owner(self.header.node, self.epoch, self.group, self.revision, self.header.schema)


async def claim(
    world: World, incarnation: str, kind: str, partition: int, *, schema: int, owner: Owner | None, forced: bool
) -> Claim:
    """Take the owner key, which was last seen as ``owner``, then fence the journal. If the states are newer than this node's code,
    which the key would have said if it had not been lost, it is told that instead. Raises `ClaimLost`, `JournalUnavailable`,
    `AppendRefused`."""
    last = await world.journal.last(kind, partition)
    before = decode(last.data).header if last else Header(0, "", "")
    known = owner.revision if owner else 0
    epoch = 1 + max(owner.epoch if owner else 0, before.epoch)
    if before.schema > schema:
        await _take_key(world, kind, partition, Owner("", epoch, epoch, 0, before.schema), expected=known)
        raise ClaimLost(f"its states are of schema {before.schema}, and this node's code reads up to {schema}")
    group = epoch if forced or owner is None else owner.group
    mine = Owner(incarnation, epoch, group, 0, schema)
    revision = await _take_key(world, kind, partition, mine, expected=known)
    header = Header(epoch, incarnation, "", schema=schema)
    sequence, header = await _fence(world, last, kind, partition, header, forced=forced)
    return Claim(kind, partition, revision, group, sequence, header)


async def succeed(world: World, incarnation: str, offer: Offer, *, schema: int) -> Claim:
    """Take what the owner hands over: the owner key from the very revision it has, and fence behind the very record at which the
    owner has stopped. Raises `ClaimLost`, `JournalUnavailable`, `AppendRefused`."""
    mine = Owner(incarnation, offer.epoch + 1, offer.group, 0, schema)
    revision = await _take_key(world, offer.kind, offer.partition, mine, expected=offer.revision)
    header = Header(
        mine.epoch, incarnation, world.ids.new(), offer.last, fence=True, schema=schema, mail=offer.mail,
        since=offer.sent, sent=offer.sent, checkpoint=offer.checkpoint, store=offer.store, unclean=offer.unclean,
    )  # fmt: skip
    sequence = await _append_fence(world, offer.kind, offer.partition, header)
    claim = Claim(offer.kind, offer.partition, revision, offer.group, sequence or 0, header)
    if sequence is None:
        await release_key(world, offer.kind, offer.partition, claim.owner)
        raise ClaimLost("the owner has gone on")
    return claim


async def _take_key(world: World, kind: str, partition: int, mine: Owner, *, expected: int) -> int:
    key = owner_key(kind, partition)
    value = encode_owner(mine)
    try:
        return await world.cluster.put(key, value, expected=expected)
    except RevisionConflict as error:
        raise ClaimLost("another candidate was first") from error
    except LeaseUnknown as error:
        try:
            entry = await world.cluster.get(key)
        except LeaseUnknown:
            raise ClaimLost("the owner key does not answer") from error
        if entry is not None and entry.value == value:
            return entry.revision
        raise ClaimLost("it is not known who has the owner key") from error


async def _fence(
    world: World, last: Record | None, kind: str, partition: int, header: Header, *, forced: bool
) -> tuple[int, Header]:
    """Append the fence behind the last record, which must be of a lower epoch, however often the old owner appends meanwhile.
    ``last`` is what was read before the owner key was won: if it is not the last any more, the journal says so."""
    while True:
        header = _fence_header(last, header, world.ids.new())
        header.forced = forced
        sequence = await _append_fence(world, kind, partition, header)
        if sequence is not None:
            return sequence, header
        last = await world.journal.last(kind, partition)


async def _append_fence(world: World, kind: str, partition: int, header: Header) -> int | None:
    """Append the fence after the very record that it names; its sequence, or None if that is not the last one any more."""
    data, expected = encode(header), header.after
    pause = PAUSE
    while True:
        try:
            return await world.journal.append(kind, partition, data, expected=expected)
        except AppendUnknown:
            pass
        except AppendTooLarge as error:
            raise AppendRefused(f"the stream takes no record of {len(data)} bytes") from error
        except AppendConflict:
            now = await world.journal.last(kind, partition)
            if now is not None and decode(now.data).header.batch == header.batch:
                return now.sequence
            if (now.sequence if now else 0) != expected:
                return None
        await world.clock.sleep(pause)
        pause = min(pause * 2, PAUSE_LIMIT)


def _fence_header(last: Record | None, mine: Header, batch: str) -> Header:
    """The fence's header, after what the last record says. If that record has nothing to be recovered and all before it are covered,
    the checkpoint moves on to it, so that a partition that nobody uses is taken without reading anything."""
    if last is None:
        return replace(mine, batch=batch, after=0, fence=True)
    record = decode(last.data)
    before = record.header
    if before.epoch >= mine.epoch:
        raise ClaimLost(f"the journal is at epoch {before.epoch} already")
    if before.schema > mine.schema:
        raise ClaimLost(f"the journal has states of schema {before.schema}; this node's code reads up to {mine.schema}")
    covered = record.covers_itself
    return replace(
        mine, batch=batch, after=last.sequence, fence=True, unclean=last.time if before.forced else before.unclean,
        since=before.sent, sent=before.sent, store=before.store,
        checkpoint=last.sequence if covered else before.checkpoint, mail=before.mail if covered else None,
    )  # fmt: skip


async def release_key(world: World, kind: str, partition: int, owner: Owner) -> None:
    """Say that nobody owns the partition, if its key is still as in ``owner``. Quietly does nothing if it has moved on or no answer
    comes: who wants to be sure looks again."""
    value = encode_owner(replace(owner, incarnation=""))
    try:
        await world.cluster.put(owner_key(kind, partition), value, expected=owner.revision)
    except (RevisionConflict, LeaseUnknown):
        return


def owner_key(kind: str, partition: int) -> str:
    return f"owner.{kind}.{partition}"


def encode_owner(owner: Owner) -> bytes:
    document = {"node": owner.incarnation or None, "epoch": owner.epoch, "group": owner.group, "schema": owner.schema}
    return orjson.dumps(document)
