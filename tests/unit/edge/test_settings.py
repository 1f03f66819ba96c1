"""Where the secret comes from, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_edge.settings import EdgeSettings
from support.edge import SECRET


def test_the_file_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_EDGE_SECRET", SECRET)
    assert EdgeSettings(_env_file=None).read_secret() == SECRET
    (tmp_path / "key").write_text(f"  {'f' * 32}\n")
    monkeypatch.setenv("NATYA_EDGE_SECRET_FILE", str(tmp_path / "key"))
    assert EdgeSettings(_env_file=None).read_secret() == "f" * 32


def test_the_secret_is_never_shown() -> None:
    assert SECRET not in repr(EdgeSettings(_env_file=None, secret=SECRET))
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


def test_no_secret_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="NATYA_EDGE_SECRET_FILE or NATYA_EDGE_SECRET"):
        EdgeSettings(_env_file=None).read_secret()
