"""Snapshots as plain documents in MongoDB, one collection a kind."""

from natya.mongo.snapshots import MongoSnapshots, open_snapshots
from natya.mongo.store import Store, open_store

__all__ = ["MongoSnapshots", "Store", "open_snapshots", "open_store"]
