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

from natya_ops.servers import NatsServer, StoreServer
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import Process, find_program
from support.compose import ROOT, read_compose, seconds

OURS = ("worker-1", "worker-2", "edge")
PASSWORDS = {"NATYA_NATS_PASSWORD": "secret-of-natya", "NATYA_APP_PASSWORD": "secret-of-app"}
COMPOSE = read_compose(PASSWORDS)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


class ComposeNats(NatsServer):
    """NATS with the configuration of the containers, on loopback and with the data where the test wants it."""

    def _program(self, port: int) -> Sequence[str]:
        program, _, own = super()._program(port)
        shipped = (ROOT / "nats" / "nats-server.conf").read_text()
        assert "store_dir: /data\n" in shipped
        Path(own).write_text(shipped.replace("store_dir: /data\n", f'store_dir: "{self.data}/jetstream"\n'))
        monitor = self.monitor.rpartition(":")[2]
        return [program, "-c", own, "-a", HOST, "-p", str(port), "-m", monitor, "--ports_file_dir", str(self.data)]

    def _environment(self, port: int) -> Mapping[str, str]:
        found: dict[str, str] = SERVICES["nats"]["environment"]
        return found


@pytest.fixture
async def compose_nats(tmp_path: Path) -> AsyncIterator[ComposeNats]:
    async with ComposeNats(tmp_path / "nats") as server:
        yield server


def test_services_are_nats_a_store_two_workers_and_an_edge() -> None:
    assert set(SERVICES) == {"nats", "store", *OURS}
    assert [SERVICES[name]["command"][:2] for name in OURS] == [["natya", "worker"], ["natya", "worker"], ["natya", "edge"]]
    assert len({SERVICES[name]["environment"].get("NATYA_NODE") for name in OURS}) == len(OURS)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_checked_restarted_and_given_time_to_end(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) >= 30
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_services_start_when_what_they_need_is_healthy() -> None:
    for name in OURS:
        needs = SERVICES[name]["depends_on"]
        assert {"nats", "store"} <= set(needs)
        assert {need["condition"] for need in needs.values()} == {"service_healthy"}
    assert {"worker-1", "worker-2"} <= set(SERVICES["edge"]["depends_on"])


def test_data_lives_in_named_volumes() -> None:
    for name, folder in (("nats", "/data"), ("store", "/data/db")):
        mounted = dict(volume.split(":")[:2][::-1] for volume in SERVICES[name]["volumes"])
        assert mounted[folder] in COMPOSE["volumes"]


def test_images_are_pinned_and_ours_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(bases) == 2
    for image in bases + images:
        version = image.partition(":")[2].split("-")[0]
        assert len(version.split(".")) == 3, f"{image} is not pinned to a full version"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert all(SERVICES[name]["read_only"] and SERVICES[name]["cap_drop"] == ["ALL"] for name in OURS)


def test_the_image_copies_only_what_is_there_and_not_ignored() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_the_nats_configuration_is_valid() -> None:
    program = [find_program("nats-server", "natya[embedded]"), "-t", "-c", str(ROOT / "nats" / "nats-server.conf")]
    done = subprocess.run(program, env={**os.environ, **PASSWORDS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
        self._environment = {key: self._replaced(str(value), inside) for key, value in service["environment"].items()}

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

    @staticmethod
    def _replaced(text: str, inside: Mapping[str, str]) -> str:
        for old, new in inside.items():
            text = text.replace(old, new)
        return text

    def _mapped(self, command: Sequence[str], inside: Mapping[str, str]) -> list[str]:
        assert command[0] == "natya"
        return [sys.executable, "-m", "natya_ops", *(self._replaced(word, inside) for word in command[1:])]


@pytest.mark.slow
async def test_every_service_of_ours_starts_and_passes_its_own_health_check(
    compose_nats: ComposeNats, store_server: StoreServer, tmp_path: Path
) -> None:
    hosts = {"nats:4222": f"{HOST}:{compose_nats.port}", "store:27017": f"{HOST}:{store_server.port}"}
    async with AsyncExitStack() as processes:
        for name in OURS:
            await Composed(name, tmp_path, hosts).healthy(processes)
