"""The journal's record format, version 1: JSON, so that ``nats stream view`` can read it.

====================  =========================================================================================
``format``            1
``epoch, node``       who wrote it: the owner's epoch and incarnation
``batch``             id of this append: how its writer recognises it after a time-out
``after``             sequence of the record before it
``fence``             true for the record that begins an epoch; ``forced``: true if its writer took the partition by force
``unclean``           when the partition was last taken by force (ms), for as long as what ended the owner before may
                      still be there; left out otherwise
``schema``            schema number of the states
``since, sent``       the greatest ``Natya-Sent`` of all turns before this record, and up to and with it. Whoever has
                      read the journal from here on knows every id that was first sent after ``since``: the
                      coverage of an id index, exact without comparing any two clocks
``checkpoint``        nothing up to this sequence is needed to recover
``store``             the snapshot store's mark as of the checkpoint
``mail``              ``{head, behind: {key: first sequence not done}}``; left out where it has not moved
``starts``            turns that are about to call other actors: ``{key, id, hash, at}``
``tries``             messages that may have ended a process and are about to run: ``{key, id, n, at, slow?}``: the ``n``-th
                      such run, 0 if nothing is held against them any more; ``at``: when they were counted first;
                      ``slow``: see `trials`
``turns``             ``{key, v, m, id, hash, method, answer | error, keep?, sent?, out?}``: key (encoded), version (a success
                      is one more than its predecessor's, a *no* the same, -1 for a letter to no actor),
                      last mail sequence of the actor, message id, hash of method and body, the outcome, the
                      messages that the turn sends
``states``            key → the actor's state after the record, once, for those that changed
====================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from natya.message import Answer, Outgoing

FORMAT = 1


class UnreadableRecord(Exception):
    """Raised when a record is not of a format this version reads."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition's mail is done: everything up to ``head``, but for the keys in ``behind``, which are done up to
    but not including the sequence given."""

    head: int = 0
    behind: Mapping[str, int] = field(default_factory=dict)

    def least(self) -> int:
        """Mail below this sequence is not needed any more."""
        return min(self.head + 1, min(self.behind.values(), default=self.head + 1))


@dataclass(slots=True)
class Header:
    """What a record says beside its turns."""

    epoch: int
    node: str
    batch: str
    after: int = -1
    fence: bool = False
    forced: bool = False
    unclean: int = 0
    schema: int = 1
    since: int = 0
    sent: int = 0
    checkpoint: int = 0
    store: str = ""
    mail: Position | None = None


@dataclass(slots=True)
class Record:
    """A record as read back. ``turns``, ``starts`` and ``tries`` as in the format, ``states`` parsed."""

    header: Header
    turns: list[dict[str, Any]]
    starts: list[dict[str, Any]]
    states: dict[str, Any]
    tries: list[dict[str, Any]]

    @property
    def covers_itself(self) -> bool:
        """Whether neither this record nor any before it has to be read to recover, but for what its header says."""
        header = self.header
        return not (self.turns or self.starts or self.tries) and 0 <= header.after <= header.checkpoint


def encode(
    header: Header,
    turns: Sequence[dict[str, Any]] = (),
    starts: Sequence[dict[str, Any]] = (),
    states: Mapping[str, bytes] | None = None,
    tries: Sequence[dict[str, Any]] = (),
) -> bytes:
    """The record's bytes. States and answers are JSON already and are not parsed again."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "epoch": header.epoch,
        "node": header.node,
        "batch": header.batch,
        "after": header.after,
        "schema": header.schema,
        "since": header.since,
        "sent": header.sent,
        "checkpoint": header.checkpoint,
    }
    if header.fence:
        document["fence"] = True
    if header.forced:
        document["forced"] = True
    if header.unclean:
        document["unclean"] = header.unclean
    if header.store:
        document["store"] = header.store
    if header.mail is not None:
        document["mail"] = {"head": header.mail.head, "behind": header.mail.behind}
    if starts:
        document["starts"] = starts
    if tries:
        document["tries"] = tries
    if turns:
        document["turns"] = turns
    if states:
        document["states"] = {key: orjson.Fragment(state) for key, state in states.items()}
    return orjson.dumps(document)


def decode(data: bytes) -> Record:
    """Raises `UnreadableRecord`."""
    try:
        document = orjson.loads(data)
        if document["format"] != FORMAT:
            raise UnreadableRecord(f"record format {document['format']}, this version reads {FORMAT}")
        mail = document.get("mail")
        header = Header(
            epoch=document["epoch"],
            node=document["node"],
            batch=document["batch"],
            after=document.get("after", -1),
            fence=document.get("fence", False),
            forced=document.get("forced", False),
            unclean=document.get("unclean", 0),
            schema=document["schema"],
            since=document["since"],
            sent=document["sent"],
            checkpoint=document["checkpoint"],
            store=document.get("store", ""),
            mail=None if mail is None else Position(mail["head"], mail["behind"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableRecord(f"not a journal record: {error!r}") from error
    get = document.get
    return Record(header, get("turns", []), get("starts", []), get("states", {}), get("tries", []))


def encode_answer(line: dict[str, Any], answer: Answer) -> None:
    """Put the outcome into a turn's line."""
    if answer.code == 0:
        line["answer"] = orjson.Fragment(answer.body)
    else:
        line["error"] = {"code": answer.code, "slug": answer.slug, "problem": orjson.Fragment(answer.body)}


def decode_answer(line: Mapping[str, Any]) -> Answer:
    """The outcome in a turn's line."""
    error = line.get("error")
    if error is None:
        return Answer(orjson.dumps(line["answer"]))
    return Answer(orjson.dumps(error["problem"]), error["code"], error["slug"])


def encode_outgoing(out: Outgoing) -> dict[str, Any]:
    line: dict[str, Any] = {"subject": out.subject}
    if out.body:
        line["body"] = orjson.Fragment(out.body)
    if out.headers:
        line["headers"] = out.headers
    if out.to:
        line["to"] = out.to
    if not out.stored:
        line["stored"] = False
    return line


def decode_outgoing(line: Mapping[str, Any]) -> Outgoing:
    body = orjson.dumps(line["body"]) if "body" in line else b""
    return Outgoing(line["subject"], body, line.get("headers", {}), line.get("to", ""), line.get("stored", True))
