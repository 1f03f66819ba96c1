"""Where the secret comes from, and which are refused."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_edge.auth.dev_secret import dev_issuer
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.signing_key import SigningKey, private_jwk
from natya_edge.auth.tokens import Tokens
from natya_edge.settings import EdgeSettings
from support.edge import SECRET
from support.forging import EDDSA


def test_the_file_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_EDGE_SECRET", SECRET)
    assert EdgeSettings(_env_file=None).read_secret() == SECRET
    (tmp_path / "key").write_text(f"  {'f' * 32}\n")
    monkeypatch.setenv("NATYA_EDGE_SECRET_FILE", str(tmp_path / "key"))
    assert EdgeSettings(_env_file=None).read_secret() == "f" * 32


def test_the_secret_is_never_shown() -> None:
    assert SECRET not in repr(EdgeSettings(_env_file=None, hs256=True, secret=SECRET))
    with pytest.raises(ConfigurationError) as refused:
        EdgeSettings(_env_file=None, secret="short-but-secret").read_secret()
    assert "short-but-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read its secret"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"x" * 31, "31 bytes"),
        (b"\xff", "cannot read"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as refused:
        EdgeSettings(_env_file=None, secret_file=path).read_secret()
    assert str(path) in str(refused.value)


def test_what_comes_from_files_of_the_secrets_folder_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "natya_edge_secret").write_text(f"{SECRET}\n")
    (tmp_path / "NATYA_EDGE_PORT").write_text("1")
    (tmp_path / "natya_edge_host").write_text("192.0.2.1")
    monkeypatch.setenv("NATYA_SECRETS", str(tmp_path))
    monkeypatch.setenv("NATYA_EDGE_HOST", "127.0.0.2")
    settings = EdgeSettings(_env_file=None)
    assert (settings.read_secret(), settings.port, settings.host) == (SECRET, 1, "127.0.0.2")


def test_nothing_that_is_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    edge = EdgeSettings(_env_file=None, hs256=True, secret=SECRET)
    log = logging.getLogger("natya.edge")
    with caplog.at_level(logging.DEBUG, "natya.edge"):
        log.info("%s %r %s", edge, edge, edge.model_dump())
        log.info("%r %r", dev_issuer(SECRET), Tokens([dev_issuer(SECRET)]))
        log.info("%r %s %r", EDDSA, vars_of(EDDSA), Keyring([EDDSA]))
    assert SECRET not in caplog.text
    assert base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=") not in caplog.text
    assert private_jwk(EDDSA)["d"] not in caplog.text


def vars_of(key: SigningKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in key.__slots__}


def test_no_secret_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="NATYA_EDGE_SECRET_FILE or NATYA_EDGE_SECRET"):
        EdgeSettings(_env_file=None).read_secret()
