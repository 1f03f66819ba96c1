"""``natya keys`` and ``natya token``, on a folder of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner

from natya.errors import ConfigurationError
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.keyring import NoSigningKey
from natya_ops.cli import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the environment names."""
    monkeypatch.setenv("NATYA_EDGE_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def natya(*words: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(shown(*words, "--json"))


def shown(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_life_of_keys(folder: Path) -> None:
    first = natya("keys", "new")
    assert (first["algorithm"], first["stage"], first["retire_at"]) == ("EdDSA", "active", None)
    assert natya("keys", "new", "--if-none")["kid"] == first["kid"]

    second = natya("keys", "rotate", "--lead", "0", "--algorithm", "es256")
    assert (second["algorithm"], second["stage"]) == ("ES256", "active")
    third = natya("keys", "rotate")
    assert third["stage"] == "next"

    listed = natya("keys", "ls")
    assert listed["folder"] == str(folder)
    assert [(key["kid"], key["stage"], key["signs"]) for key in listed["keys"]] == [
        (first["kid"], "retired", False),
        (second["kid"], "active", True),
        (third["kid"], "next", False),
    ]
    table = shown("keys", "ls")
    assert all(key["kid"] in table for key in listed["keys"])

    assert "is deleted" in shown("keys", "retire", first["kid"], "--lost")
    assert [key["kid"] for key in natya("keys", "ls")["keys"]] == [second["kid"], third["kid"]]


def test_a_folder_is_named_by_the_option_before_the_environment(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    made = natya("keys", "new", "--keys", str(other))
    assert [key.kid for key in KeyFolder(other).read()] == [made["kid"]]
    assert not folder.exists()


def test_what_cannot_be_done_is_said(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the signing keys"):
        shown("keys", "ls")
    only = natya("keys", "new")
    with pytest.raises(ConfigurationError, match="signs already"):
        shown("keys", "new")
    with pytest.raises(ConfigurationError, match="let another take over first"):
        shown("keys", "retire", only["kid"])
    assert CliRunner().invoke(app, ["keys", "rotate", "--algorithm", "RS256"]).exit_code == 2


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_a_token_is_the_operators_unless_it_is_said_whose_it_is(folder: Path) -> None:
    kid = natya("keys", "new")["kid"]
    token = shown("token").strip()
    assert jwt.get_unverified_header(token)["kid"] == kid
    assert (claims(token)["sub"], claims(token)["roles"]) == ("dev", ["operator"])
    anna = natya(
        "token", "--subject", "anna", "--scope", "a:read b", "--role", "support", "--role", "audit", "--hours", "0.5"
    )
    found = claims(anna["token"])
    assert (found["sub"], found["scope"], found["roles"]) == ("anna", "a:read b", ["audit", "support"])
    assert found["exp"] - found["iat"] == 1_800
    assert "roles" not in claims(natya("token", "--subject", "anna")["token"])


def test_a_token_has_issuer_and_audience_of_the_edges_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    natya("keys", "new")
    monkeypatch.setenv("NATYA_EDGE_ISSUER", "https://edge.example")
    monkeypatch.setenv("NATYA_EDGE_AUDIENCE", "actors")
    found = claims(shown("token").strip())
    assert (found["iss"], found["aud"]) == ("https://edge.example", "actors")


def test_without_a_key_there_is_no_token(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read the signing keys in .*keys"):
        shown("token")
    folder.mkdir()
    with pytest.raises(NoSigningKey):
        shown("token")
    with pytest.raises(ConfigurationError, match="data/keys"):
        shown("token", "--data", str(tmp_path / "data"))
