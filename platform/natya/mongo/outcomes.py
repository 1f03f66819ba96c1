"""Remembered outcomes: one collection for all kinds, whose documents MongoDB deletes when they expire.

``{_id: {kind, token, id}, digest, sent, code, slug, body: JSON text, expires: date}`` in ``natya.kept``: no kind can have that
name, for kinds have no dots. MongoDB deletes up to a minute late, so reading and writing look at ``expires`` themselves.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from bson import decode
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne

from natya.ports.snapshots import Kept

COLLECTION: Final = "natya.kept"

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  BSON dates are read without a zone, in UTC
_MS: Final = datetime.timedelta(milliseconds=1)
_LAST: Final = (datetime.datetime.max - _EPOCH) // _MS  # noqa: DTZ901


def identity(kind: str, token: str, id: str) -> dict[str, str]:
    """The ``_id``: compared as a whole, so the order of its fields is part of it."""
    return {"kind": kind, "token": token, "id": id}


def insert(kind: str, kept: Kept, now_ms: int) -> UpdateOne:
    """The guarded write of ``kept``: a duplicate key if this outcome is remembered and has not expired. Done twice, it is
    done once."""
    try:
        body: str | bytes = kept.body.decode()
    except UnicodeDecodeError:
        body = kept.body
    fields = {
        "digest": kept.digest,
        "sent": kept.sent,
        "code": kept.code,
        "slug": kept.slug,
        "body": body,
        "expires": _date(kept.expires),
    }
    guard = {"_id": identity(kind, kept.token, kept.id), "expires": {"$lte": _date(now_ms)}}
    return UpdateOne(guard, {"$set": fields}, upsert=True)


def read(document: RawBSONDocument) -> Kept:
    """The outcome that a document holds."""
    fields: Mapping[str, Any] = decode(document.raw)
    body = fields["body"]
    return Kept(
        token=fields["_id"]["token"],
        id=fields["_id"]["id"],
        digest=fields["digest"],
        sent=int(fields["sent"]),
        code=int(fields["code"]),
        slug=fields["slug"],
        body=body.encode() if isinstance(body, str) else body,
        expires=(fields["expires"] - _EPOCH) // _MS,
    )


def _date(ms: int) -> datetime.datetime:
    """The date, or the last one that there is."""
    return _EPOCH + min(ms, _LAST) * _MS
