"""The containers: what the compose file, the image and the NATS configuration promise, and that the services really start.

No container runs here. Each service of ours is started with its own command and environment, host names mapped to servers on
loopback, and must pass its own health check.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import nats
import pytest
from pydantic import SecretStr
from pymongo.uri_parser import parse_uri

from natya.jetstream import open_jetstream
from natya.jetstream.requests import api
from natya.settings import Settings
from natya_ops.servers import NatsServer, StoreServer
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import Process, find_program
from support.compose import ROOT, read_compose, seconds

PASSWORDS = {
    "NATYA_NATS_PASSWORD": "secret-of-natya",
    "NATYA_APP_PASSWORD": "secret-of-app",
    "NATYA_ROUTES_PASSWORD": "secret-of-routes",
}
COMPOSE = read_compose(PASSWORDS)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ALONE = ("nats", "store")
THREE = ("nats-1", "nats-2", "nats-3")
STORES = ("store-1", "store-2", "store-3")
OURS = ("worker-1", "worker-2", "edge")
OURS_OF_CLUSTER = ("cluster-worker-1", "cluster-worker-2", "cluster-worker-3", "cluster-edge")
CONFIGURATIONS = {"nats": "nats-server.conf", **dict.fromkeys(THREE, "nats-cluster.conf")}


class ComposeNats(NatsServer):
    """NATS with the configuration of the containers, on loopback and with the data where the test wants it. ``hosts``: where
    the routes of a cluster are, ``host:port`` by the name and port inside."""

    def __init__(self, data: Path, *, service: str = "nats", hosts: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self._service = service
        self._hosts = hosts or {}

    def _program(self, port: int) -> Sequence[str]:
        program, _, own = super()._program(port)
        for shipped in (ROOT / "nats").iterdir():
            text = shipped.read_text().replace("store_dir: /data\n", f'store_dir: "{self.data}/jetstream"\n')
            text = text.replace("0.0.0.0:6222", self._hosts.get(f"{self._service}:6222", ""))
            (self.data / shipped.name).write_text(text)
        assert str(self.data) in (self.data / "common.conf").read_text()
        conf = str(Path(own).with_name(CONFIGURATIONS[self._service]))
        monitor = self.monitor.rpartition(":")[2]
        return [program, "-c", conf, "-a", HOST, "-p", str(port), "-m", monitor, "--ports_file_dir", str(self.data)]

    def _environment(self, port: int) -> Mapping[str, str]:
        found: dict[str, str] = SERVICES[self._service]["environment"]
        return {name: _replaced(value, self._hosts) for name, value in found.items()}


@pytest.fixture
async def compose_nats(tmp_path: Path) -> AsyncIterator[ComposeNats]:
    async with ComposeNats(tmp_path / "nats") as server:
        yield server


def test_services_are_nats_a_store_two_workers_and_an_edge() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {*ALONE, *OURS}
    assert [SERVICES[name]["command"][:2] for name in OURS] == [["natya", "worker"], ["natya", "worker"], ["natya", "edge"]]
    assert len({SERVICES[name]["environment"].get("NATYA_NODE") for name in OURS}) == len(OURS)


def test_the_profile_cluster_has_three_of_each_server_and_needs_nothing_else() -> None:
    services = {name for name, service in SERVICES.items() if service.get("profiles") == ["cluster"]}
    assert services == {*THREE, *STORES, *OURS_OF_CLUSTER}
    assert {need for name in services for need in SERVICES[name].get("depends_on", ())} <= services
    assert len({SERVICES[name]["environment"].get("NATYA_NODE") for name in OURS_OF_CLUSTER}) == len(OURS_OF_CLUSTER)
    published = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def test_in_a_cluster_everything_is_known_and_kept_three_times() -> None:
    for name in OURS_OF_CLUSTER:
        settings = Settings(
            _env_file=None, **{key[6:].lower(): value for key, value in SERVICES[name]["environment"].items()}
        )
        assert settings.replicas == 3
        assert settings.nats.split(",") == [f"nats://{server}:4222" for server in THREE]
        store = parse_uri(settings.store)
        assert store["nodelist"] == [(server, 27017) for server in STORES]
        assert store["options"] == {"replicaSet": "natya"}
    for name in STORES:
        assert SERVICES[name]["command"][:3] == ["mongod", "--replSet", "natya"]
    assert [name for name in STORES if "NATYA_STORE_FIRST" in SERVICES[name].get("environment", {})] == ["store-1"]
    for name in THREE:
        assert SERVICES[name]["environment"]["NATYA_SERVER"] == name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_checked_restarted_and_given_time_to_end(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) >= 30
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_services_start_when_what_they_need_is_healthy() -> None:
    for names, servers in ((OURS, ALONE), (OURS_OF_CLUSTER, THREE + STORES)):
        for name in names:
            needs = SERVICES[name]["depends_on"]
            assert set(servers) <= set(needs)
            assert {need["condition"] for need in needs.values()} == {"service_healthy"}
        assert set(names[:-1]) <= set(SERVICES[names[-1]]["depends_on"])


def test_data_lives_in_named_volumes() -> None:
    folders = dict.fromkeys(("nats", *THREE), "/data") | dict.fromkeys(("store", *STORES), "/data/db")
    used = []
    for name, folder in folders.items():
        mounted = dict(volume.split(":")[:2][::-1] for volume in SERVICES[name]["volumes"])
        assert mounted[folder] in COMPOSE["volumes"]
        used.append(mounted[folder])
    assert len(set(used)) == len(used)


def test_images_are_pinned_and_ours_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(bases) == 2
    for image in bases + images:
        version = image.partition(":")[2].split("-")[0]
        assert len(version.split(".")) == 3, f"{image} is not pinned to a full version"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert all(SERVICES[name]["read_only"] and SERVICES[name]["cap_drop"] == ["ALL"] for name in OURS + OURS_OF_CLUSTER)


def test_the_image_copies_only_what_is_there_and_not_ignored() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_nats_configuration_of_a_server_is_valid(name: str) -> None:
    service = SERVICES[name]
    assert service["command"] == ["-c", f"/etc/nats/{CONFIGURATIONS[name]}"]
    assert "./nats:/etc/nats:ro" in service["volumes"]
    program = [find_program("nats-server", "natya[embedded]"), "-t", "-c", str(ROOT / "nats" / CONFIGURATIONS[name])]
    done = subprocess.run(program, env={**os.environ, **service["environment"]}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
async def test_the_three_servers_find_one_another_and_keep_three_copies(tmp_path: Path) -> None:
    hosts = {f"{name}:6222": f"{HOST}:{free_port()}" for name in THREE}
    async with AsyncExitStack() as servers:
        three = [ComposeNats(tmp_path / name, service=name, hosts=hosts) for name in THREE]
        await asyncio.gather(*(servers.enter_async_context(server) for server in three))
        settings = Settings(
            _env_file=None,
            nats=",".join(server.url for server in three),
            nats_user="natya",
            nats_password=SecretStr(PASSWORDS["NATYA_NATS_PASSWORD"]),
            replicas=3,
        )
        jetstream = await servers.enter_async_context(open_jetstream(settings, name="test"))
        await jetstream.ensure_platform()
        info = await api(jetstream.connection, "STREAM.INFO.natya_events")
        members = {info["cluster"]["leader"], *(replica["name"] for replica in info["cluster"]["replicas"])}
        assert members == set(THREE)


async def test_only_the_platform_may_call_owners_directly(compose_nats: ComposeNats) -> None:
    refused: asyncio.Queue[str] = asyncio.Queue()

    async def on_error(error: Exception) -> None:
        refused.put_nowait(str(error).lower())

    node = await nats.connect(compose_nats.url, user="natya", password=PASSWORDS["NATYA_NATS_PASSWORD"])
    app = await nats.connect(
        compose_nats.url, user="app", password=PASSWORDS["NATYA_APP_PASSWORD"], error_cb=on_error, allow_reconnect=False
    )
    calls = await node.subscribe("natya.call.>")
    asks = await node.subscribe("natya.ask.>")
    await node.flush()
    await node.flush()  # the first may overtake the subscription within the client
    await app.publish("natya.call.account.1.alice.deposit", b"{}")
    await app.publish("natya.ask.account.alice.deposit", b"{}")
    await app.flush()

    assert (await asks.next_msg(timeout=10)).subject == "natya.ask.account.alice.deposit"
    assert calls.pending_msgs == 0
    assert "permissions violation" in await asyncio.wait_for(refused.get(), 10)
    await app.close()
    await node.close()


class Composed:
    """One service of ours, as its container would run it, on this machine."""

    def __init__(self, name: str, folder: Path, hosts: Mapping[str, str]) -> None:
        service = SERVICES[name]
        port = str(free_port())
        secret = folder / "edge_secret"
        secret.write_text("0123456789abcdef0123456789abcdef")
        inside = {"0.0.0.0": HOST, "9090": port, "8080": port, "/run/secrets/edge_secret": str(secret), **hosts}
        self._log = folder / f"{name}.log"
        self._check = service["healthcheck"]
        self._command = self._mapped(service["command"], inside)
        self._checking = self._mapped(self._check["test"][1:], inside)
        self._environment = {key: _replaced(str(value), inside) for key, value in service["environment"].items()}

    async def healthy(self, processes: AsyncExitStack) -> None:
        """Start it and wait for its health check to pass, not longer than the compose file allows."""
        process = await Process.spawn(self._command, log=self._log, env=self._environment)
        processes.push_async_callback(process.stop, 30.0)
        allowed = seconds(self._check["start_period"]) + self._check["retries"] * seconds(self._check["interval"])
        async with asyncio.timeout(allowed):
            while True:
                check = await Process.spawn(self._checking, log=self._log, env=self._environment)
                if await asyncio.wait_for(check.wait(), seconds(self._check["timeout"])) == 0:
                    return
                assert process.running, self._log.read_text()
                await asyncio.sleep(seconds(self._check["start_interval"]))

    def _mapped(self, command: Sequence[str], inside: Mapping[str, str]) -> list[str]:
        assert command[0] == "natya"
        return [sys.executable, "-m", "natya_ops", *(_replaced(word, inside) for word in command[1:])]


def _replaced(text: str, inside: Mapping[str, str]) -> str:
    for old, new in inside.items():
        text = text.replace(old, new)
    return text


@pytest.mark.slow
async def test_every_service_of_ours_starts_and_passes_its_own_health_check(
    compose_nats: ComposeNats, store_server: StoreServer, tmp_path: Path
) -> None:
    hosts = {"nats:4222": f"{HOST}:{compose_nats.port}", "store:27017": f"{HOST}:{store_server.port}"}
    async with AsyncExitStack() as processes:
        for name in OURS:
            await Composed(name, tmp_path, hosts).healthy(processes)
