"""The disk of NATS is full: appends fail, nothing is acknowledged, callers are told, and when there is room all goes on."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from nats.errors import Error

from support.bare_client import Bare, bare_client, first_attempt, now, partition_of
from support.cluster import Cluster
from support.load import Load, check_journals
from support.waiting import until

SIZE = 64


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few MB. Skips the test where none can be mounted."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


async def outcomes(bare: Bare, number: int) -> Counter[str]:
    """What callers with a deadline of a second are told."""
    seen = Counter[str]()
    for _ in range(number):
        deadline = {"Natya-Deadline": str(now() + 1_000)}
        try:
            reply = await bare.ask("account", "a", "deposit", {"amount": 1}, first_attempt() | deadline, timeout=5)
        except Error as error:
            seen[type(error).__name__] += 1
        else:
            seen[reply.slug or "done"] += 1
    return seen


@pytest.mark.slow
async def test_a_full_disk_loses_nothing_and_is_left_behind(tmp_path: Path) -> None:
    """nats-server 2.15 answers nothing more once its disk was full, not even when there is room again: it has to be started
    again. What it had got without an answer may be stored or not, so callers are told that the outcome is unknown."""
    with small_disk(tmp_path / "nats") as disk:
        async with (
            Cluster(tmp_path, workers=2) as cluster,
            bare_client(cluster.nats.url) as bare,
            Load(bare, "disk") as load,
        ):
            await load.progress()
            filler = fill(disk)
            await until(lambda: outcomes(bare, 1), lambda seen: "done" not in seen)
            full = load.acknowledged
            seen = await outcomes(bare, 3)
            assert set(seen) <= {"unavailable", "outcome_unknown", "deadline"}
            assert load.acknowledged == full
            filler.unlink()
            await cluster.nats.stop()
            await cluster.nats.start()
            await load.progress(limit=60)
            await load.finish()
            print(f"{seen}; {load}")
            await load.check()


@pytest.mark.slow
async def test_a_journal_at_its_limit_is_unavailable_and_goes_on_when_the_limit_is_raised(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=2) as cluster, bare_client(cluster.nats.url) as bare:
        assert (await bare.ask("account", "a", "deposit", {"amount": 1})).result == {"balance": 1}
        stream = f"natya_journal_account_{partition_of('a', 16) % 4}"
        config = (await bare.js.stream_info(stream)).config
        state = (await bare.js.stream_info(stream)).state
        await bare.js.update_stream(replace(config, max_bytes=state.bytes + 600))
        seen = await until(lambda: outcomes(bare, 1), lambda seen: "done" not in seen)
        seen = await outcomes(bare, 5)
        assert set(seen) == {"unavailable"}
        reply = await bare.ask("account", "a", "deposit", {"amount": 1}, {"Natya-Deadline": str(now() + 1_000)})
        assert int(reply.headers["Retry-After"]) >= 1
        assert "journal" in reply.json["detail"]
        # What does not touch that stream is served as ever.
        other = next(f"b{n}" for n in range(50) if partition_of(f"b{n}", 16) % 4 != partition_of("a", 16) % 4)
        assert (await bare.ask("account", other, "deposit", {"amount": 1})).result == {"balance": 1}
        await bare.js.update_stream(config)
        before = (await bare.insist("account", "a", "balance")).result["balance"]
        assert (await bare.insist("account", "a", "deposit", {"amount": 1})).result == {"balance": before + 1}
        await check_journals(bare, "account", 16)
