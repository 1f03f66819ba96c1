"""The servers that Natya runs on, as child processes: NATS with JetStream, and a store that speaks MongoDB's protocol."""

from natya_ops.servers.nats_cluster import nats_cluster
from natya_ops.servers.nats_server import NatsServer, Routes
from natya_ops.servers.store_server import StoreServer

__all__ = ["NatsServer", "Routes", "StoreServer", "nats_cluster"]
