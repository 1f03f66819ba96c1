"""The journal on a real server: what each answer means, and reading fast and through trouble."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.requests import ApiError, Verdict, api
from natya.ports.journal import AppendConflict, AppendRefused, AppendTooLarge, AppendUnknown, Record
from natya.settings import Settings
from natya_ops.servers import NatsServer
from support.jetstream_world import ConfiguredServer, JetStreamWorld

KIND = "account"


async def restrict(jetstream: JetStream, stream: str, **settings: Any) -> None:
    """What an operator may do to a stream."""
    config = (await api(jetstream.connection, f"STREAM.INFO.{stream}"))["config"]
    await api(jetstream.connection, f"STREAM.UPDATE.{stream}", config | settings)


async def records(jetstream: JetStream, start: int, end: int) -> list[Record]:
    return [record async for record in jetstream.journal.read(KIND, 0, start=start, end=end)]


async def fill(jetstream: JetStream, data: bytes) -> tuple[int, AppendRefused]:
    """Append until it is refused: the last sequence, and the refusal."""
    sequence = 0
    for _ in range(100):
        try:
            sequence = await jetstream.journal.append(KIND, 0, data, expected=sequence)
        except AppendRefused as refusal:
            return sequence, refusal
    raise AssertionError("nothing was refused")


async def test_a_stream_that_is_full_refuses_and_nothing_is_dropped(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    await restrict(own, "natya_journal_account_0", max_bytes=5_000)
    sequence, refusal = await fill(own, b"x" * 500)
    assert "maximum bytes exceeded" in str(refusal)
    assert [record.sequence for record in await records(own, 1, sequence)] == list(range(1, sequence + 1))


async def test_a_streams_own_limit_on_a_message_is_named(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    await restrict(own, "natya_journal_account_0", max_msg_size=2_000)
    with pytest.raises(AppendTooLarge) as refused:
        await own.journal.append(KIND, 0, b"x" * 2_000, expected=0)
    limit = refused.value.limit
    assert await own.journal.append(KIND, 0, b"x" * limit, expected=0) == 1
    with pytest.raises(AppendTooLarge):
        await own.journal.append(KIND, 0, b"x" * (limit + 1), expected=1)


async def test_the_servers_limit_on_a_message_is_named_before_sending(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    with pytest.raises(AppendTooLarge) as refused:
        await own.journal.append(KIND, 0, b"x" * own.bus.max_payload, expected=0)
    limit = refused.value.limit
    assert await own.journal.append(KIND, 0, b"x" * limit, expected=0) == 1
    last = await own.journal.last(KIND, 0)
    assert last is not None
    assert len(last.data) == limit
    assert await records(own, 1, 1) == [last]


async def test_the_servers_storage_limit_refuses(tmp_path: Path) -> None:
    server = ConfiguredServer(tmp_path, jetstream="  max_file_store: 100KB")
    async with server, open_jetstream(Settings(_env_file=None, nats=server.url), name="test") as jetstream:
        await jetstream.ensure_kind(KIND, 1)
        sequence, refusal = await fill(jetstream, b"x" * 10_000)
        assert "resource" in str(refusal)
        assert 1 <= sequence < 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_unknown_and_after_a_restart_with_room_the_journal_goes_on(small_disk: Path) -> None:
    settings: dict[str, Any] = {"append_timeout": 0.3}
    async with (
        NatsServer(small_disk / "nats") as server,
        open_jetstream(Settings(_env_file=None, nats=server.url, **settings), name="test") as jetstream,
    ):
        await jetstream.ensure_kind(KIND, 1)
        first = await jetstream.journal.append(KIND, 0, b"first", expected=0)
        hog = small_disk / "hog"
        with hog.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 512)
        with pytest.raises(AppendUnknown):
            await jetstream.journal.append(KIND, 0, b"y" * 100_000, expected=first)
        hog.unlink()
        await server.kill()
        await server.start()
        second = await _append_until_certain(jetstream, b"second", first)
        assert [record.data for record in await records(jetstream, first, second)] == [b"first", b"second"]


async def _append_until_certain(jetstream: JetStream, data: bytes, expected: int) -> int:
    async with asyncio.timeout(20):
        while True:
            try:
                return await jetstream.journal.append(KIND, 0, data, expected=expected)
            except AppendUnknown:
                await asyncio.sleep(0.02)
            except AppendConflict:
                last = await jetstream.journal.last(KIND, 0)
                assert last is not None
                assert last.data == data
                return last.sequence


async def test_without_a_stream_an_append_is_unknown(own: JetStream) -> None:
    with pytest.raises(AppendUnknown):
        await own.journal.append("nosuchkind", 0, b"x", expected=0)


async def test_a_killed_server_keeps_what_it_acknowledged_and_the_journal_goes_on(
    own: JetStream, nats_server: NatsServer
) -> None:
    await own.ensure_kind(KIND, 1)
    sequence = 0
    for n in range(50):
        sequence = await own.journal.append(KIND, 0, b"%d" % n, expected=sequence)
    await nats_server.kill()
    with pytest.raises(AppendUnknown):
        await own.journal.append(KIND, 0, b"50", expected=sequence)
    await nats_server.start()
    sequence = await _append_until_certain(own, b"50", sequence)
    assert [record.data for record in await records(own, 1, sequence)] == [b"%d" % n for n in range(51)]


async def test_five_thousand_records_of_two_kilobytes_are_read_well_below_a_second(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    for first in range(0, 5_000, 250):
        await asyncio.gather(
            *(own.bus.store("natya.journal.account.0", b"x" * 2_000, timeout=5) for _ in range(first, first + 250))
        )
    began = time.perf_counter()
    read = await records(own, 1, 5_000)
    seconds = time.perf_counter() - began
    assert [record.sequence for record in read] == list(range(1, 5_001))
    assert seconds < 1.5  # 0.06 s when nothing else runs


async def test_a_read_goes_on_where_its_consumer_vanished(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    for _ in range(20):
        await asyncio.gather(*(own.bus.store("natya.journal.account.0", b"x", timeout=5) for _ in range(250)))
    seen: list[int] = []
    async with aclosing(own.journal.read(KIND, 0, start=1, end=5_000)) as reading:
        async for record in reading:
            seen.append(record.sequence)
            if len(seen) == 1_500:
                stream = "natya_journal_account_0"
                (name,) = (await api(own.connection, f"CONSUMER.NAMES.{stream}"))["consumers"]
                await api(own.connection, f"CONSUMER.DELETE.{stream}.{name}")
    assert seen == list(range(1, 5_001))


async def test_a_read_survives_a_lost_connection(world: JetStreamWorld) -> None:
    await world.make_kind(KIND, 1)
    subject = world.subjects.journal(KIND, 0)
    for _ in range(20):
        await asyncio.gather(*(world.home.store(subject, b"x", timeout=5) for _ in range(250)))
    seen: list[int] = []
    async for record in world.journal.read(KIND, 0, start=1, end=5_000):
        seen.append(record.sequence)
        if len(seen) == 1_000:
            await world.cut(world.home)
            world.relay(world.home).restore()
    assert seen == list(range(1, 5_001))


async def test_a_large_trim_with_a_bound_beyond_the_end_keeps_the_last_record(own: JetStream) -> None:
    await own.ensure_kind(KIND, 8)
    stream_mate = await own.journal.append(KIND, 4, b"mate", expected=0)
    sequence = 0
    for _ in range(5):
        sequence = await own.journal.append(KIND, 0, b"x", expected=sequence)
    await own.journal.trim(KIND, 0, before=10_000)
    assert [record.sequence for record in await records(own, 1, sequence)] == [sequence]
    assert await own.journal.at(KIND, 4, stream_mate) is not None
    assert await own.journal.at(KIND, 0, stream_mate) is None


@pytest.mark.parametrize(
    ("code", "number", "verdict"),
    [
        (400, 10071, Verdict.CONFLICT),
        (400, 10164, Verdict.UNKNOWN),
        (503, 10163, Verdict.UNKNOWN),
        (409, 10158, Verdict.UNKNOWN),
        (429, 10167, Verdict.UNKNOWN),
        (503, 10008, Verdict.UNKNOWN),
        (500, 10009, Verdict.UNKNOWN),
        (503, 10063, Verdict.UNKNOWN),
        (500, 10118, Verdict.UNKNOWN),
        (503, 99999, Verdict.UNKNOWN),
        (400, 10054, Verdict.TOO_LARGE),
        (400, 10097, Verdict.TOO_LARGE),
        (400, 10002, Verdict.NO_ROOM),
        (503, 10023, Verdict.NO_ROOM),
        (500, 10047, Verdict.NO_ROOM),
        (503, 10077, Verdict.NO_ROOM),
        (500, 10111, Verdict.REFUSED),
        (400, 10060, Verdict.REFUSED),
        (400, 10109, Verdict.REFUSED),
        (400, 99999, Verdict.REFUSED),
    ],
)
def test_every_error_of_the_server_has_one_meaning(code: int, number: int, verdict: Verdict) -> None:
    assert ApiError(code, number, "").verdict is verdict
