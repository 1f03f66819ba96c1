"""Keys on disk: kept for their owner alone, read strictly, and never quoted in an error."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from natya.errors import ConfigurationError
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import ALGORITHMS, Algorithm, new_key, private_jwk

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_written_is_read_again(tmp_path: Path, algorithm: Algorithm) -> None:
    folder = KeyFolder(tmp_path / "keys")
    key = new_key(algorithm, START, use_from=START + timedelta(hours=1), retire_at=START + timedelta(days=90))
    folder.write(key)
    assert folder.read() == [key]
    assert private_jwk(folder.read()[0]) == private_jwk(key)


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        file = KeyFolder(tmp_path / "keys").write(new_key("EdDSA", START))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_keys_come_in_the_order_of_their_use(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    late, early = (new_key("EdDSA", START, use_from=START + timedelta(days=days)) for days in (2, 1))
    folder.write(late)
    folder.write(early)
    assert folder.read() == [early, late]
    folder.remove(early)
    folder.remove(early)
    assert folder.read() == [late]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("no key")
    (tmp_path / ".hidden.json").write_text("no key")
    assert KeyFolder(tmp_path).read() == []


def good(**changes: Any) -> dict[str, Any]:
    key = new_key("EdDSA", START)
    document = {**private_jwk(key), "kid": "a", "alg": "EdDSA", "created": START.isoformat(), "use_from": START.isoformat()}
    return {name: value for name, value in {**document, **changes}.items() if value is not ...}


SECRET = "c2VjcmV0LW9mLXRoZS1rZXk"
BAD: dict[str, tuple[object, str]] = {
    "no JSON": (f'{{"d": "{SECRET}"', "Invalid JSON"),
    "no object": ([SECRET], "the file: Input should be an object"),
    "no kid": (good(kid=..., d=SECRET), "kid: Field required"),
    "a kid that is a path": (good(kid="../a", d=SECRET), "kid: String should match"),
    "a time without a zone": (good(use_from="2026-03-01T00:00:00", d=SECRET), "use_from: .*timezone"),
    "an algorithm that we do not use": (good(alg="RS256", d=SECRET), "alg: Input should be 'EdDSA' or 'ES256'"),
    "a secret as if it were a key": ({**good(), "kty": "oct", "k": SECRET}, "make no private key for EdDSA"),
    "the key of another algorithm": (good(alg="ES256", d=SECRET), "make no private key for ES256"),
    "another curve": (good(crv="Ed448", d=SECRET), "make no private key"),
    "halves that do not belong together": (good(d=SECRET + "A" * 20), "make no private key"),
    "the public half": (good(d=...), "public half only"),
    "no public half": (good(x=..., d=SECRET), "make no private key"),
    "numbers for text": (good(x=1, d=SECRET), "make no private key"),
    "too large": (good(more="x" * 9_000, d=SECRET), "more than 8192 bytes"),
}


@pytest.mark.parametrize(("document", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_key_is_named_and_not_quoted(tmp_path: Path, document: object, message: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(ConfigurationError, match=f"a\\.json is no signing key: .*{message}") as refused:
        KeyFolder(tmp_path).read()
    assert str(file) in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None  # the library's own errors quote the key
    assert refused.value.__context__ is None or refused.value.__suppress_context__


def test_two_files_of_one_kid_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(good()))
    with pytest.raises(ConfigurationError, match="the same kid"):
        KeyFolder(tmp_path).read()
    with pytest.raises(ConfigurationError, match=r"cannot read the signing keys in .*none"):
        KeyFolder(tmp_path / "none").read()


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    key = new_key("EdDSA", START)
    assert private_jwk(key)["d"] not in repr(key)
    assert private_jwk(key)["d"] not in f"{key!s} {key.private!r} {key.public}"
