"""The embedded servers: ready when they answer, on one port for life, gone with their parent, clear when they cannot run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import urllib.request
from pathlib import Path

import nats
import pytest

from natya.errors import ConfigurationError
from natya_ops.servers import NatsServer, StoreServer
from natya_ops.servers.ports import check_free, free_port, is_free
from natya_ops.servers.process import Process, find_program, make_folder, start_time
from natya_ops.servers.store_server import command


async def test_nats_is_ready_with_jetstream_and_keeps_its_data_and_port_when_killed(nats_server: NatsServer) -> None:
    connection = await nats.connect(nats_server.url)
    stream = connection.jetstream()
    await stream.add_stream(name="s", subjects=["s.>"])
    assert (await stream.publish("s.one", b"kept")).seq == 1
    await connection.close()
    url, pid = nats_server.url, nats_server.pid

    await nats_server.kill()
    await nats_server.start()

    assert nats_server.url == url
    assert nats_server.pid != pid
    connection = await nats.connect(nats_server.url)
    assert (await connection.jetstream().get_msg("s", 1)).data == b"kept"
    await connection.close()


async def test_nats_syncs_every_commit_and_is_monitored_on_loopback(nats_server: NatsServer) -> None:
    def read() -> str:
        with urllib.request.urlopen(f"{nats_server.monitor}/varz", timeout=5) as answer:
            return str(answer.read())

    assert nats_server.monitor.startswith("http://127.0.0.1:")
    assert '"sync_always": true' in await asyncio.to_thread(read)


async def test_store_is_ready_as_primary_and_keeps_its_port_when_killed(store_server: StoreServer) -> None:
    assert (await command(store_server.port, {"hello": 1}))["isWritablePrimary"]
    port = store_server.port

    await store_server.kill()
    await store_server.start()

    assert store_server.port == port
    assert (await command(port, {"hello": 1}))["isWritablePrimary"]


async def test_a_folder_name_with_quotes_and_spaces_works(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "a \"b' $c") as server:
        connection = await nats.connect(server.url)
        await connection.close()


async def test_a_server_that_cannot_run_says_why(tmp_path: Path) -> None:
    (tmp_path / "jetstream").write_text("a file where NATS wants a folder")
    with pytest.raises(
        ConfigurationError, match=r"nats ended with code 1 before it was ready .*storage directory is not a directory"
    ):
        await NatsServer(tmp_path, free_port()).start()


async def test_another_server_on_the_port_is_not_taken_for_ours(nats_server: NatsServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="address already in use"):
        await NatsServer(tmp_path / "other", nats_server.port).start()


async def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from natya_ops.servers import NatsServer\n"
        "async def main():\n"
        "    async with NatsServer(pathlib.Path(sys.argv[1])) as server:\n"
        "        print(server.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert start_time(child) is not None

    parent.kill()
    await parent.wait()

    async with asyncio.timeout(10):
        while start_time(child) is not None:
            await asyncio.sleep(0.01)


async def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    process = await Process.spawn([sys.executable, "-c", program], log=tmp_path / "log", piped=True)
    await process.output.readline()

    assert await process.stop(grace=0.1) == -signal.SIGKILL
    assert not process.running


async def test_a_log_that_grew_too_large_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natya_ops.servers.process.LOG_LIMIT", 10)
    log = tmp_path / "x.log"
    log.write_text("more than ten bytes")

    process = await Process.spawn([sys.executable, "-c", "print('new')"], log=log)
    assert await process.wait() == 0

    assert log.read_text() == "new\n"
    assert (tmp_path / "x.log.1").read_text() == "more than ten bytes"
    assert process.last_words() == "new"


def test_pid_and_start_time_name_a_process() -> None:
    mine = start_time(os.getpid())
    assert mine is not None
    assert mine == start_time(os.getpid())
    assert start_time(2**22 + 1) is None


def test_free_ports_lie_below_the_range_of_outgoing_connections() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert is_free(port)
    if low > 21_000:
        assert port < low


async def test_a_taken_port_is_named_with_the_option_that_changes_it(nats_server: NatsServer) -> None:
    assert not is_free(nats_server.port)
    with pytest.raises(ConfigurationError, match=rf"port {nats_server.port} .* taken: .*--nats-port"):
        check_free(nats_server.port, "--nats-port")
    check_free(0, "--nats-port")


def test_a_missing_program_is_named_with_its_remedy() -> None:
    assert find_program(Path(sys.executable).name, "") == str(Path(sys.executable))
    assert find_program("sh", "") == shutil.which("sh")
    with pytest.raises(ConfigurationError, match="the program no-such-thing is missing: install it"):
        find_program("no-such-thing", "install it")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot write to the folder .*/file.*--data"):
        make_folder(tmp_path / "file")
