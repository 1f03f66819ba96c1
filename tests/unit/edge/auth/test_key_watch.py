"""The folder of the keys is followed while the edge runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from natya_edge.auth import key_watch
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.key_watch import follow
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.signing_key import new_key
from support.world import eventually


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_watch, "CHECK_EVERY", 0.01)


@contextlib.asynccontextmanager
async def following(folder: KeyFolder, keyring: Keyring) -> AsyncIterator[None]:
    task = asyncio.create_task(follow(folder, keyring))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_keys_that_come_and_go_are_noticed(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    first, second = (new_key("EdDSA", datetime.now(UTC)) for _ in range(2))
    folder.write(first)
    keyring = Keyring(folder.read())
    known = await keyring.find(first.kid)
    assert known is not None
    async with following(folder, keyring):
        folder.write(second)
        await eventually(lambda: keyring.current().kid == second.kid)
        assert await keyring.find(first.kid) is known
        folder.remove(first)
        await eventually(lambda: known.withdrawn)
        assert await keyring.find(first.kid) is None


class CountingFolder(KeyFolder):
    looks = 0

    def files(self) -> dict[str, bytes]:
        self.looks += 1
        return super().files()


async def test_a_folder_that_cannot_be_read_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CountingFolder(tmp_path)
    key = new_key("EdDSA", datetime.now(UTC))
    folder.write(key)
    keyring = Keyring(folder.read())
    broken = tmp_path / "broken.json"
    async with following(folder, keyring):
        broken.write_text("{")
        await eventually(lambda: "broken.json is no signing key" in caplog.text)
        looked = folder.looks
        await eventually(lambda: folder.looks > looked + 3)
        assert keyring.current().kid == key.kid
        broken.unlink()
        other = new_key("EdDSA", datetime.now(UTC))
        folder.write(other)
        await eventually(lambda: keyring.current().kid == other.kid)
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1
