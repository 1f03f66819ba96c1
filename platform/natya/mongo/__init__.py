"""Snapshots as plain documents in MongoDB, one collection a kind."""

from natya.mongo.driver import StoreReport
from natya.mongo.snapshots import MongoSnapshots, open_snapshots

__all__ = ["MongoSnapshots", "StoreReport", "open_snapshots"]
