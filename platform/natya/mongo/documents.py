"""The document of an actor, and the way back.

``{_id: key, v: version, j: journal sequence, m: last mail sequence, schema: n, state: {…}, timers: {…}, updated: date}``,
and ``exact: {JSON pointer: text}`` where a date of the state is spelled in a way that a BSON date cannot keep.
Without ``state`` no state was ever stored.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

import orjson
from bson import decode, encode
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne

from natya.mongo.dates import Places, restore
from natya.mongo.values import NotStorable, dump, load_names, parse
from natya.ports.listing import Listed
from natya.ports.snapshots import Snapshot

MAX_BYTES: Final = 16 << 20
"""What a MongoDB document may have, names and all."""

LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
"""What somebody else has put into one document must not fail the reading of the others."""
_ID_BYTES = 10
"""What an id needs besides its text: a type, its name, a length and an end."""
_NUMBERS = ("v", "j", "m", "schema")
_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  BSON dates are read without a zone, in UTC
_MS: Final = datetime.timedelta(milliseconds=1)


def upsert(snapshot: Snapshot, places: Places | None, updated: datetime.datetime) -> UpdateOne:
    """The guarded write of ``snapshot``: refused as a duplicate key if an equal or later document is there. Fields that are
    none of ours stay. Encoded here, so that a document that cannot be does not fail those beside it. Raises `NotStorable`."""
    fields: dict[str, Any] = {
        "v": snapshot.version,
        "j": snapshot.journal,
        "m": snapshot.mail,
        "timers": _timers(snapshot) if snapshot.timers else {},
        "updated": updated,
    }
    update: dict[str, Any] = {}
    if snapshot.state is None:
        update["$setOnInsert"] = {"schema": snapshot.schema}  # else it says of which form the stored state is
    else:
        fields["schema"] = snapshot.schema
        exact: dict[str, str] = {}
        state = parse(snapshot.state)
        fields["state"] = places.apply(state, exact) if places is not None else state
        if exact:
            fields["exact"] = exact
        else:
            update["$unset"] = {"exact": True}
    try:
        encoded = encode(fields)
        size = len(encoded) + len(snapshot.key.encode()) + _ID_BYTES
    except (BSONError, UnicodeEncodeError, OverflowError) as error:
        raise NotStorable(f"not a BSON document: {error}") from error
    if size > MAX_BYTES:
        raise NotStorable(f"too large: {size} bytes as a document, at most {MAX_BYTES} are allowed")
    update["$set"] = RawBSONDocument(encoded)
    return UpdateOne({"_id": snapshot.key, "j": {"$lt": snapshot.journal}}, update, upsert=True)


def read(document: RawBSONDocument) -> Snapshot | None:
    """The snapshot that a document holds; None if Natya did not write the document."""
    fields = decode(document.raw, LENIENT)
    key, timers = fields["_id"], fields.get("timers", {})
    if not isinstance(key, str) or not isinstance(timers, dict):
        return None
    numbers: list[Any] = [fields.get(name) for name in _NUMBERS]
    if not all(isinstance(number, int) for number in numbers):
        return None
    version, journal, mail, schema = map(int, numbers)
    state = _state(fields, document) if "state" in fields else None
    if timers:
        timers = orjson.loads(dump(load_names(timers)))
    return Snapshot(key, version, journal, mail, schema, state, timers)


def read_listed(document: RawBSONDocument) -> Listed | None:
    """What a list tells of a document; None if Natya did not write it."""
    fields = decode(document.raw, LENIENT)
    key, updated = fields["_id"], fields.get("updated")
    version, schema = fields.get("v"), fields.get("schema")
    if not (isinstance(key, str) and isinstance(version, int) and isinstance(schema, int) and "state" in fields):
        return None
    written = (updated - _EPOCH) // _MS if isinstance(updated, datetime.datetime) else 0
    return Listed(key, int(version), int(schema), _state(fields, document), written)


def _state(fields: dict[str, Any], document: RawBSONDocument) -> bytes:
    value = fields["state"]
    if isinstance(exact := fields.get("exact"), dict):
        value = restore(value, exact)
    if b"%" in document.raw:
        value = load_names(value)
    return dump(value)


def _timers(snapshot: Snapshot) -> Any:
    try:
        return parse(orjson.dumps(dict(snapshot.timers)))
    except orjson.JSONEncodeError as error:
        raise NotStorable(f"timers are not JSON: {error}") from error
