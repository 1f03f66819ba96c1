"""Journals: epochs and versions never go back, every id takes effect once, and everything sent is sent once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from natya.memory import Stored
from natya.message import MSG_ID
from natya.names import encode_key
from natya.runtime.batch import Record, decode
from simulation.checks.final import Final
from simulation.stage import DEFINITIONS, Stage


def check_journals(stage: Stage, final: Final) -> Iterator[str]:
    published = Counter(_ids([*stage.network.events, *stage.network.dead_letters]))
    wanted: Counter[str] = Counter()
    for definition in DEFINITIONS:
        for number in range(definition.partitions):
            records = _records(stage, definition.kind, number)
            place = f"{definition.kind}.{number}"
            yield from _check_headers(place, records)
            yield from _check_turns(place, definition.kind, records, final)
            wanted.update(_published(place, records))
    for id, times in (published - wanted).items():
        yield f"{id} was published {published[id]} times, but the journals say {wanted[id]}: {times} too many"
    for id in wanted - published:
        yield f"{id} is in a journal and was not published"


def _records(stage: Stage, kind: str, number: int) -> list[tuple[int, Record]]:
    stream = stage.network.stream(stage.network.subjects.journal_stream(kind, number))
    assert stream is not None
    subject = stage.network.subjects.journal(kind, number)
    return [(stored.sequence, decode(stored.data)) for stored in stream.read(subject)]


def _ids(stored: list[Stored]) -> Iterator[str]:
    for message in stored:
        yield message.headers[MSG_ID]


def _published(place: str, records: list[tuple[int, Record]]) -> Iterator[str]:
    """The ids of the events and dead letters that these records decide on."""
    for sequence, record in records:
        for turn, line in enumerate(record.turns):
            for number, out in enumerate(line.get("out", [])):
                if "to" not in out and out.get("stored", True):
                    yield out.get("headers", {}).get(MSG_ID) or f"{place}.{sequence}.{turn}.{number}"


def _check_headers(place: str, records: list[tuple[int, Record]]) -> Iterator[str]:
    before = None
    head = 0
    for sequence, record in records:
        header = record.header
        if before is not None:
            if header.epoch < before.epoch or header.checkpoint < before.checkpoint:
                yield f"{place}: record {sequence} goes back from {before} to {header}"
            if header.epoch == before.epoch and header.node != before.node:
                yield f"{place}: epoch {header.epoch} is {before.node}'s and {header.node}'s"
        if header.mail is not None:
            if header.mail.head < head:
                yield f"{place}: record {sequence} takes the mail back from {head} to {header.mail.head}"
            head = header.mail.head
        before = header


def _check_turns(place: str, kind: str, records: list[tuple[int, Record]], final: Final) -> Iterator[str]:
    versions: dict[str, int] = {}
    letters: dict[str, int] = {}
    effects: Counter[tuple[str, str]] = Counter()
    for sequence, record in records:
        for line in record.turns:
            key = line["key"]
            yield from _check_turn(f"{place}: record {sequence}: {key}", line, versions.get(key), letters.get(key, 0))
            if line["v"] != versions.get(key, 0):
                effects[key, line["id"]] += 1
            versions[key], letters[key] = line["v"], line["m"]
    for (key, id), times in effects.items():
        if times > 1:
            yield f"{place}: {id} has changed {key} {times} times"
    for (of, key), found in final.items():
        version = versions.get(encode_key(key))
        if of == kind and version is not None and version != found["version"]:
            yield f"{kind}/{key} is at version {found['version']} and at {version} in its journal"


def _check_turn(place: str, line: dict[str, Any], version: int | None, mail: int) -> Iterator[str]:
    if version is not None and not 0 <= line["v"] - version <= 1:
        yield f"{place} goes from version {version} to {line['v']}"
    if line["m"] < mail:
        yield f"{place} goes back from letter {mail} to {line['m']}"
