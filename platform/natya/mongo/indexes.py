"""Collections and indexes: made if they are not there, never changed, never dropped."""

from __future__ import annotations

from typing import Any, Final

from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from natya.errors import ConfigurationError
from natya.ports.snapshots import Shape

_EXISTS: Final = 48
_WRONG: Final = {
    2: "it cannot be made",
    67: "it cannot be made",
    85: "an index on the same fields has another name or other options",
    86: "an index of the same name has other fields or options",
}
"""Codes of errors that stay until somebody changes the declaration or drops an index."""


async def make_collection(database: Any, name: str) -> None:
    """Make a collection unless it is there."""
    try:
        await database.create_collection(name)
    except CollectionInvalid:
        return
    except OperationFailure as error:
        if error.code != _EXISTS:
            raise


async def make_indexes(database: Any, shape: Shape) -> None:
    """Make the indexes that a kind declares, on its state. The key stands behind the fields: so a list that is sorted by them is
    in the order of the index down to its ties, and each page is one range of it. Raises `ConfigurationError`."""
    for fields in shape.indexes:
        index = IndexModel([*((f"state.{field}", direction) for field, direction in fields), ("_id", fields[-1][1])])
        await _make(database[shape.kind], index, f"kind {shape.kind} declares")


async def make_expiry(database: Any, collection: str) -> None:
    """Make the index by which the store deletes what has expired. Raises `ConfigurationError`."""
    await _make(database[collection], IndexModel("expires", expireAfterSeconds=0), f"collection {collection} needs")


async def _make(collection: Any, index: IndexModel, who: str) -> None:
    try:
        await collection.create_indexes([index])
    except OperationFailure as error:
        if error.code not in _WRONG:
            raise
        name = index.document["name"]
        raise ConfigurationError(
            f"{who} the index {name}, but {_WRONG[error.code]} in {collection.full_name}: drop that index or change the "
            f"declaration ({str(error).partition(', full error:')[0][:300]})"
        ) from error
