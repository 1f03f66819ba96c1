"""Settings come from files of a secrets folder as well, and passwords are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya.settings import Settings


def test_a_file_of_the_secrets_folder_is_a_setting_unless_the_environment_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "natya_nats_password").write_text("of-nats\n")
    (tmp_path / "natya_store").write_text("mongodb://user:of-the-store@host")
    (tmp_path / "natya_database").write_text("files")
    monkeypatch.setenv("NATYA_SECRETS", str(tmp_path))
    monkeypatch.setenv("NATYA_DATABASE", "environment")
    settings = Settings(_env_file=None)
    assert settings.nats_password.get_secret_value() == "of-nats"
    assert settings.store == "mongodb://user:of-the-store@host"
    assert settings.database == "environment"
    assert Settings(_env_file=None, store="mongodb://given").store == "mongodb://given"


def test_a_secrets_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_SECRETS", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match=r"NATYA_SECRETS names .*none, which is no folder"):
        Settings(_env_file=None)


def test_passwords_are_not_shown_not_even_those_in_urls() -> None:
    settings = Settings(_env_file=None, nats="nats://a:secret@h", nats_password="secret", store="mongodb://a:secret@h")
    assert "secret" not in f"{settings!r} {settings}"


def test_servers_are_shown_without_what_opens_them() -> None:
    settings = Settings(_env_file=None, nats="nats://a:secret@h:1, tls://b@i:2,j:3")
    assert settings.nats_shown == "nats://h:1, tls://i:2, j:3"


@pytest.mark.parametrize(
    ("servers", "shown"),
    [
        ("nats://u:p://w@h:1", "nats://h:1"),
        ("nats://u:s3,cret@h:1", "…, h:1"),
        ("tls://[::1]:4222", "tls://[::1]:4222"),
        ("u:secret@", "…"),
    ],
)
def test_of_malformed_urls_nothing_is_shown_that_may_be_a_password(servers: str, shown: str) -> None:
    assert Settings(_env_file=None, nats=servers).nats_shown == shown
