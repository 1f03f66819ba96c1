"""The ground: processes that are stopped and kept down, disks and journals that are full, syncs that are slow."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import APIError

from natya.errors import ConfigurationError
from natya_ops.chaos.ground import Ground
from natya_ops.chaos.ground.disk import SmallDisk, small_disk
from natya_ops.chaos.ground.limits import FullJournals
from natya_ops.chaos.ground.processes import Processes
from natya_ops.chaos.ground.slow_sync import SlowSync, why_not
from natya_ops.data_folder import DataFolder
from natya_ops.servers import NatsServer
from natya_ops.servers.base import Child
from natya_ops.servers.process import Process
from natya_ops.up.supervision import Group
from support.waiting import until

COUNTING_SIGNALS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("asked to end", flush=True))
signal.signal(signal.SIGUSR1, lambda *_: print("marker", flush=True))
print("begun", flush=True)
while True:
    time.sleep(1)
"""


class Sleeper(Child):
    """A child that only writes down that it was asked to end."""

    role = "worker"
    grace = 0.0

    async def start(self) -> None:
        before = lines(self.log)
        process = await self._spawn([sys.executable, "-c", COUNTING_SIGNALS])
        await self._becomes_ready(process, self._begun(len(before)))

    async def _begun(self, before: int) -> None:
        while len(lines(self.log)) == before:
            await asyncio.sleep(0.01)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


class Quiet:
    def ended(self, child: Child, code: int) -> None:
        return

    def restarted(self, child: Child) -> None:
        return

    def failed(self, child: Child, reason: str) -> None:
        return


@asynccontextmanager
async def a_sleeper(folder: Path) -> AsyncIterator[tuple[Processes, Sleeper]]:
    """One supervised process, ``worker-1``."""
    data = DataFolder(folder)
    processes = Processes(data)
    with data.locked():
        sleeper = Sleeper("worker-1", data.log("worker-1"))
        sleeper.spawned = data.record
        async with Group([sleeper], Quiet(), permit=lambda child: processes.may_start(child.name)):
            yield processes, sleeper


def state(pid: int) -> str:
    """The letter of proc(5): T is stopped, S sleeps."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def stopped(pid: int, expected: bool) -> None:
    async def probe() -> bool:
        return (state(pid) == "T") == expected

    await until(probe)


async def test_a_process_stopped_by_two_goes_on_when_both_let_go(tmp_path: Path) -> None:
    async with a_sleeper(tmp_path) as (processes, sleeper):
        with processes.stopped("worker-1"):
            await stopped(sleeper.pid, True)
            with processes.stopped("worker-1"):
                pass
            assert state(sleeper.pid) == "T"
        await stopped(sleeper.pid, False)


async def test_who_takes_the_place_of_a_stopped_process_is_not_stopped(tmp_path: Path) -> None:
    async with a_sleeper(tmp_path) as (processes, sleeper):
        first = await processes.living("worker-1")
        with processes.stopped("worker-1"):
            processes.send("worker-1", signal.SIGKILL)
            second = await processes.successor("worker-1", first)
            assert second != first
            with processes.stopped("worker-1"):
                await stopped(second, True)
        await stopped(second, False)
        assert processes.pid("worker-1") == sleeper.pid == second


async def test_a_process_kept_down_by_two_is_started_again_when_both_let_go(tmp_path: Path) -> None:
    async with a_sleeper(tmp_path) as (processes, sleeper), AsyncExitStack() as first:
        old = sleeper.pid
        await first.enter_async_context(processes.down("worker-1"))
        letting_go = asyncio.Event()

        async def keep_down_too() -> None:
            async with processes.down("worker-1"):
                await letting_go.wait()

        second = asyncio.create_task(keep_down_too())
        await sleeper.wait()
        leaving = asyncio.create_task(first.aclose())
        await asyncio.wait([leaving], timeout=0.3)
        assert not leaving.done()
        assert processes.pid("worker-1") is None
        letting_go.set()
        await asyncio.gather(second, leaving)
        assert processes.pid("worker-1") not in (None, old)


async def test_a_process_is_asked_to_end_only_once(tmp_path: Path) -> None:
    async with a_sleeper(tmp_path) as (processes, sleeper):

        async def said() -> list[str]:
            return lines(sleeper.log)

        for markers in (1, 2):
            processes.terminate("worker-1")
            await until(said, lambda found: "asked to end" in found)
            processes.send("worker-1", signal.SIGUSR1)
            heard = await until(said, lambda found, wanted=markers: found.count("marker") == wanted)  # type: ignore[misc]
            assert heard.count("asked to end") == 1


async def test_nothing_is_sent_to_who_does_not_run(tmp_path: Path) -> None:
    processes = Processes(DataFolder(tmp_path))
    assert processes.send("worker-1", signal.SIGKILL) is None
    with processes.stopped("worker-1"):
        processes.terminate("worker-1")
    assert processes.pid("worker-1") is None
    assert list(processes.names) == []


async def test_joining_says_that_no_platform_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no natya up is ready on"):
        async with Ground.join(tmp_path):
            pass


async def test_a_small_disk_is_full_until_the_last_who_filled_it_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, 2) as disk:
        if not isinstance(disk, SmallDisk):
            pytest.skip(disk)
        assert not disk.full
        async with disk.filled():
            async with disk.filled():
                assert room(folder) == 0
            assert disk.full
            assert room(folder) == 0
        assert not disk.full
        assert room(folder) > 1 << 20
    assert not folder.is_mount()


def room(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_bsize


async def test_a_small_disk_hides_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    (tmp_path / "precious").touch()
    with pytest.raises(ConfigurationError, match="is not empty"), small_disk(tmp_path, 2):
        pass


async def test_full_journals_refuse_appends_until_the_last_who_filled_them_lets_go(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "nats") as server:
        connection = await nats.connect(server.url)
        js = connection.jetstream()
        for kind in ("journal_account_0", "mail_account"):
            await js.add_stream(
                StreamConfig(name=f"natya_{kind}", subjects=[f"{kind}.>"], max_bytes=1 << 20, discard=DiscardPolicy.NEW)
            )
        journals = FullJournals(server.url)
        async with journals.filled():
            async with journals.filled():
                pass
            await js.publish("mail_account.1", b"x" * 2_000)
            with pytest.raises(APIError, match="maximum bytes"):
                await js.publish("journal_account_0.1", b"x" * 2_000)
        await js.publish("journal_account_0.1", b"x" * 2_000)
        assert (await js.stream_info("natya_journal_account_0")).config.max_bytes == 1 << 20
        await connection.close()


SYNCING = """
import os, sys
file = open(sys.argv[1], "ab", buffering=0)
while True:
    file.write(b"x")
    os.fsync(file.fileno())
"""


async def test_syncs_are_slow_until_the_last_who_slowed_them_lets_go(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    file = tmp_path / "synced"
    process = await Process.spawn([sys.executable, "-c", SYNCING, str(file)], log=tmp_path / "log")
    slow = SlowSync(tmp_path / "strace.log")

    async def size() -> int:
        return file.stat().st_size if file.exists() else 0

    try:
        await until(size)
        async with slow.slowed(process.pid, 0.5):
            async with slow.slowed(process.pid, 0.5):
                before = await size()
            await asyncio.sleep(1.2)
            assert 0 <= await size() - before <= 4
        before = await size()
        await until(size, lambda now: now > before + 50)
    finally:
        await process.stop(0)


async def test_slowing_a_process_that_has_ended_says_so(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    process = await Process.spawn([sys.executable, "-c", ""], log=tmp_path / "log")
    await process.wait()
    with pytest.raises(ConfigurationError, match="strace cannot trace process"):
        async with SlowSync(tmp_path / "strace.log").slowed(process.pid, 0.1):
            pass
