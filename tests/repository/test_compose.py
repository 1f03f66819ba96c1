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

import pytest
from pymongo.uri_parser import parse_uri

from natya.jetstream import open_jetstream
from natya.jetstream.requests import api
from natya.settings import Settings
from natya_ops.servers import StoreServer
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import Process
from support.compose import ROOT, seconds
from support.compose_nats import COMPOSE, CONFIGURATIONS, SERVICES, THREE, ComposeNats, replaced

ALONE = ("nats", "store")
STORES = ("store-1", "store-2", "store-3")
OURS = ("worker-1", "worker-2", "edge")
OURS_OF_CLUSTER = ("cluster-worker-1", "cluster-worker-2", "cluster-worker-3", "cluster-edge")
CERTIFICATES = "certificates"
KEYS = "keys"
ONCE = (CERTIFICATES, KEYS)


@pytest.fixture
async def compose_nats(tmp_path: Path) -> AsyncIterator[ComposeNats]:
    async with ComposeNats(tmp_path / "nats") as server:
        yield server


def test_services_are_nats_a_store_two_workers_and_an_edge() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {*ALONE, *OURS, *ONCE}
    assert [SERVICES[name]["command"][:2] for name in OURS] == [["natya", "worker"], ["natya", "worker"], ["natya", "edge"]]
    assert len({SERVICES[name]["environment"].get("NATYA_NODE") for name in OURS}) == len(OURS)


def test_the_profile_cluster_has_three_of_each_server_and_needs_nothing_else() -> None:
    services = {name for name, service in SERVICES.items() if service.get("profiles") == ["cluster"]}
    assert services == {*THREE, *STORES, *OURS_OF_CLUSTER}
    assert {need for name in services for need in SERVICES[name].get("depends_on", ())} <= {*services, *ONCE}
    assert len({SERVICES[name]["environment"].get("NATYA_NODE") for name in OURS_OF_CLUSTER}) == len(OURS_OF_CLUSTER)
    published = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def test_in_a_cluster_everything_is_known_and_kept_three_times() -> None:
    for name in OURS_OF_CLUSTER:
        settings = Settings(
            _env_file=None, **{key[6:].lower(): value for key, value in SERVICES[name]["environment"].items()}
        )
        assert settings.replicas == 3
        assert settings.nats.split(",") == [f"tls://{server}:4222" for server in THREE]
        store = parse_uri(settings.store)
        assert store["nodelist"] == [(server, 27017) for server in STORES]
        assert store["options"] == {"replicaSet": "natya"}
    for name in STORES:
        assert SERVICES[name]["command"][:3] == ["mongod", "--replSet", "natya"]
    assert [name for name in STORES if "NATYA_STORE_FIRST" in SERVICES[name].get("environment", {})] == ["store-1"]
    for name in THREE:
        assert SERVICES[name]["environment"]["NATYA_SERVER"] == name


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {*ONCE}))
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
            conditions = {need: condition["condition"] for need, condition in needs.items()}
            assert conditions == {
                need: "service_completed_successfully" if need in ONCE else "service_healthy" for need in needs
            }
        assert set(names[:-1]) <= set(SERVICES[names[-1]]["depends_on"])


def test_data_lives_in_named_volumes() -> None:
    folders = dict.fromkeys(("nats", *THREE), "/data") | dict.fromkeys(("store", *STORES), "/data/db")
    used = []
    for name, folder in folders.items():
        mounted = dict(volume.split(":")[:2][::-1] for volume in SERVICES[name]["volumes"])
        assert mounted[folder] in COMPOSE["volumes"]
        used.append(mounted[folder])
    assert len(set(used)) == len(used)


def test_the_keys_are_made_once_and_no_edge_can_change_them() -> None:
    assert SERVICES["keys"]["restart"] == "no"
    assert SERVICES["keys"]["volumes"] == ["keys:/keys"]
    for name in ("edge", "cluster-edge"):
        assert "keys:/keys:ro" in SERVICES[name]["volumes"]
        assert (
            SERVICES[name]["environment"]["NATYA_EDGE_KEYS"] == SERVICES["keys"]["environment"]["NATYA_EDGE_KEYS"] == "/keys"
        )
        assert "keys" in SERVICES[name]["depends_on"]
    assert "install -d -o natya -g natya -m 700 /keys" in (ROOT / "Dockerfile").read_text()


def test_images_are_pinned_and_ours_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(bases) == 2
    for image in bases + images:
        version = image.partition(":")[2].split("-")[0]
        assert len(version.split(".")) == 3, f"{image} is not pinned to a full version"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert all(
        SERVICES[name]["read_only"] and SERVICES[name]["cap_drop"] == ["ALL"] for name in OURS + OURS_OF_CLUSTER + ONCE
    )


def test_the_image_copies_only_what_is_there_and_not_ignored() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_nats_configuration_of_a_server_is_valid(name: str, tmp_path: Path) -> None:
    service = SERVICES[name]
    assert service["command"] == ["-c", f"/etc/nats/{CONFIGURATIONS[name]}"]
    assert {"./nats:/etc/nats:ro", "certificates:/certificates:ro"} <= set(service["volumes"])
    done = subprocess.run(
        ComposeNats.check(tmp_path, name), env={**os.environ, **service["environment"]}, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_nobody_but_the_service_that_makes_certificates_can_read_the_key_of_the_authority() -> None:
    readers = {
        "authority": {CERTIFICATES},
        "certificates": {CERTIFICATES, "nats", *THREE},
        "trust": {CERTIFICATES, *OURS, *OURS_OF_CLUSTER},
        "keys": {KEYS, "edge", "cluster-edge"},
    }
    for volume, services in readers.items():
        mounted = {
            name: [v for v in service.get("volumes", []) if v.startswith(f"{volume}:")] for name, service in SERVICES.items()
        }
        assert {name for name, found in mounted.items() if found} == services
        assert all(found[0].endswith(":ro") for name, found in mounted.items() if found and name not in ONCE)
    command = SERVICES[CERTIFICATES]["command"]
    assert {f"--host={name}" for name in ("nats", *THREE)} <= set(command)
    assert SERVICES[CERTIFICATES]["network_mode"] == "none"


@pytest.mark.slow
async def test_the_three_servers_find_one_another_and_keep_three_copies(tmp_path: Path) -> None:
    hosts = {f"{name}:6222": f"{HOST}:{free_port()}" for name in THREE}
    async with AsyncExitStack() as servers:
        three = [ComposeNats(tmp_path / name, service=name, hosts=hosts) for name in THREE]
        await asyncio.gather(*(servers.enter_async_context(server) for server in three))
        settings = three[0].settings("node", nats=",".join(server.url for server in three), replicas=3)
        jetstream = await servers.enter_async_context(open_jetstream(settings, name="test", inbox="_INBOX_node"))
        await jetstream.ensure_platform()
        info = await api(jetstream.connection, "STREAM.INFO.natya_events")
        members = {info["cluster"]["leader"], *(replica["name"] for replica in info["cluster"]["replicas"])}
        assert members == set(THREE)


class Composed:
    """One service of ours, as its container would run it, on this machine."""

    def __init__(self, name: str, folder: Path, hosts: Mapping[str, str]) -> None:
        service = SERVICES[name]
        port = str(free_port())
        inside = {
            "0.0.0.0": HOST,
            "/trust": str(folder / "certificates"),
            "/keys": str(folder / "keys"),
            "9090": port,
            "8080": port,
            **hosts,
        }
        self._log = folder / f"{name}.log"
        self._command = self._mapped(service["command"], inside)
        if "healthcheck" in service:
            self._check = service["healthcheck"]
            self._checking = self._mapped(self._check["test"][1:], inside)
        self._environment = {key: replaced(str(value), inside) for key, value in service["environment"].items()}

    async def run(self) -> None:
        """Start it, and wait for it to end well."""
        process = await Process.spawn(self._command, log=self._log, env=self._environment)
        assert await asyncio.wait_for(process.wait(), 60) == 0, self._log.read_text()

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
        return [sys.executable, "-m", "natya_ops", *(replaced(word, inside) for word in command[1:])]


@pytest.mark.slow
async def test_every_service_of_ours_starts_and_passes_its_own_health_check(
    compose_nats: ComposeNats, store_server: StoreServer, tmp_path: Path
) -> None:
    hosts = {"nats:4222": f"{HOST}:{compose_nats.port}", "store:27017": f"{HOST}:{store_server.port}"}
    async with AsyncExitStack() as processes:
        await Composed(KEYS, tmp_path, hosts).run()
        for name in OURS:
            await Composed(name, tmp_path, hosts).healthy(processes)
