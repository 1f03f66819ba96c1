"""How keys follow each other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya.memory.clock import ManualClock
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.rotation import LEAD, Rotation
from natya_edge.auth.signing_key import LONGEST_LIFE, Stage
from natya_edge.routes.jwks import MAX_AGE
from support.edge import NOW_MS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ms=NOW_MS)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


@pytest.fixture
def rotation(folder: KeyFolder, clock: ManualClock) -> Rotation:
    return Rotation(folder, clock)


def signs(folder: KeyFolder, clock: ManualClock) -> str:
    return Keyring(folder.read(), clock).current().kid


def test_the_first_key_signs_at_once_and_there_is_one_first_key(
    rotation: Rotation, folder: KeyFolder, clock: ManualClock
) -> None:
    first = rotation.begin("ES256")
    assert signs(folder, clock) == first.kid
    assert first.algorithm == "ES256"
    with pytest.raises(ConfigurationError, match="natya keys rotate makes the next"):
        rotation.begin()


async def test_at_every_moment_of_a_rotation_one_key_signs_and_both_are_published(
    rotation: Rotation, folder: KeyFolder, clock: ManualClock
) -> None:
    first = rotation.begin("ES256")
    await clock.advance(1_000)
    second = rotation.rotate()
    assert second.algorithm == "ES256"
    assert [key.stage(rotation.now()) for key in folder.read()] == [Stage.ACTIVE, Stage.NEXT]
    assert signs(folder, clock) == first.kid
    await clock.advance(LEAD.total_seconds() - 1)
    assert signs(folder, clock) == first.kid
    await clock.advance(1)
    assert signs(folder, clock) == second.kid
    assert len(Keyring(folder.read(), clock).jwks()["keys"]) == 2


def test_a_key_is_published_longer_than_anybody_keeps_the_published_ones() -> None:
    assert LEAD.total_seconds() > 2 * MAX_AGE


async def test_keys_that_nobody_needs_are_deleted_at_the_next_rotation(
    rotation: Rotation, folder: KeyFolder, clock: ManualClock
) -> None:
    first = rotation.begin()
    second = rotation.rotate(lead=timedelta(0))
    await clock.advance(LONGEST_LIFE.total_seconds() - 1)
    third = rotation.rotate(lead=timedelta(0))
    assert {key.kid for key in folder.read()} == {first.kid, second.kid, third.kid}
    await clock.advance(1)
    rotation.rotate(lead=timedelta(0))
    assert first.kid not in {key.kid for key in folder.read()}
    assert {second.kid, third.kid} < {key.kid for key in folder.read()}


def test_two_keys_never_wait_at_the_same_time(rotation: Rotation) -> None:
    rotation.begin()
    second = rotation.rotate()
    with pytest.raises(ConfigurationError, match=f"the key {second.kid} is to take over at 2030-03-17"):
        rotation.rotate()


def test_a_key_retires_only_if_another_signs(rotation: Rotation, folder: KeyFolder, clock: ManualClock) -> None:
    first = rotation.begin()
    for end in (rotation.retire, rotation.forget):
        with pytest.raises(ConfigurationError, match="let another take over first"):
            end(first.kid)
    second = rotation.rotate(lead=timedelta(0))
    rotation.retire(first.kid)
    assert signs(folder, clock) == second.kid
    assert len(folder.read()) == 2
    rotation.forget(first.kid)
    assert [key.kid for key in folder.read()] == [second.kid]


def test_what_is_not_there_is_named(rotation: Rotation, folder: KeyFolder) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the signing keys"):
        rotation.rotate()
    first = rotation.begin()
    with pytest.raises(ConfigurationError, match=f"no key nope in .*; there is {first.kid}"):
        rotation.retire("nope")
    folder.remove(first)
    with pytest.raises(ConfigurationError, match="natya keys new makes one"):
        rotation.rotate()
