"""NATS as the containers have it, with its users and its encryption, on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from natya.settings import Settings
from natya_ops.certificates import make_certificates
from natya_ops.servers import NatsServer
from natya_ops.servers.ports import HOST
from support.compose import ROOT, read_compose

PASSWORDS = {
    "NATYA_NODE_PASSWORD": "secret-of-node",
    "NATYA_EDGE_PASSWORD": "secret-of-edge",
    "NATYA_OPERATOR_PASSWORD": "secret-of-operator",
    "NATYA_GUEST_PASSWORD": "secret-of-guest",
    "NATYA_ROUTES_PASSWORD": "secret-of-routes",
}
COMPOSE = read_compose(PASSWORDS)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
THREE = ("nats-1", "nats-2", "nats-3")
CONFIGURATIONS = {"nats": "nats-server.conf", **dict.fromkeys(THREE, "nats-cluster.conf")}


class ComposeNats(NatsServer):
    """NATS with the configuration of the containers, on loopback and with data and certificates where the test wants them.
    ``hosts``: where the routes of a cluster are, ``host:port`` by the name and port inside."""

    def __init__(self, data: Path, *, service: str = "nats", hosts: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self._service = service
        self._hosts = hosts or {}
        self.ca = data.parent / "certificates" / "ca.pem"

    @property
    def url(self) -> str:
        return f"tls://{self.host}:{self.port}"

    def settings(self, user: str, **others: Any) -> Settings:
        """Those of a program that is this NATS user."""
        given: dict[str, Any] = {
            "nats": self.url,
            "nats_ca": self.ca,
            "nats_user": user,
            "nats_password": PASSWORDS[f"NATYA_{user.upper()}_PASSWORD"],
        }
        return Settings(_env_file=None, **given | others)

    def _program(self, port: int) -> Sequence[str]:
        program, _, own = super()._program(port)
        make_certificates(self.ca.parent, [HOST])
        for shipped in (ROOT / "nats").iterdir():
            text = shipped.read_text().replace("store_dir: /data\n", f'store_dir: "{self.data}/jetstream"\n')
            if routes := self._hosts.get(f"{self._service}:6222"):
                text = text.replace("0.0.0.0:6222", routes)
            text = replaced(text, {f": /certificates/{name}": f': "{self.ca.parent}/{name}"' for name in FILES})
            (self.data / shipped.name).write_text(text)
        assert str(self.data) in (self.data / "common.conf").read_text()
        assert str(self.ca.parent) in (self.data / "tls.conf").read_text()
        conf = str(Path(own).with_name(CONFIGURATIONS[self._service]))
        monitor = self.monitor.rpartition(":")[2]
        return [program, "-c", conf, "-a", HOST, "-p", str(port), "-m", monitor, "--ports_file_dir", str(self.data)]

    @classmethod
    def check(cls, folder: Path, service: str) -> Sequence[str]:
        """The command by which nats-server judges the configuration of this service."""
        data = folder / service
        data.mkdir()
        program, _, conf, *_ = cls(data, service=service)._program(0)
        return [program, "-t", "-c", conf]

    def _environment(self, port: int) -> Mapping[str, str]:
        found: dict[str, str] = SERVICES[self._service]["environment"]
        return {name: replaced(value, self._hosts) for name, value in found.items()}


FILES = ("server.pem", "server.key", "ca.pem")


def replaced(text: str, inside: Mapping[str, str]) -> str:
    """``text`` with what is a name or path inside the containers replaced by what it is here."""
    for old, new in inside.items():
        text = text.replace(old, new)
    return text
