"""What ``natya doctor`` says of keys, secrets and issuers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import SigningKey, new_key
from natya_edge.settings import EdgeSettings
from natya_ops.doctor.findings import Finding, Level
from natya_ops.doctor.keys import check_folder, check_keys, check_secret, judge_keys
from support.edge import SECRET
from support.forging import RSA_JWK
from support.jwks_server import JwksServer

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def key(since: int, until: int | None = None) -> SigningKey:
    """A key that signs from day ``since`` to day ``until``, counted from now."""
    days = timedelta(days=1)
    return new_key("EdDSA", NOW, use_from=NOW + since * days, retire_at=None if until is None else NOW + until * days)


JUDGED: dict[str, tuple[list[SigningKey], Level, str]] = {
    "a young key": ([key(-10)], Level.OK, "signs since 2026-05-22; 1 in all"),
    "no key": ([], Level.PROBLEM, "none of the keys may sign now"),
    "only retired and future ones": ([key(-9, -1), key(1)], Level.PROBLEM, "none of the keys may sign now"),
    "one that retires soon": ([key(-9, 3)], Level.WARNING, "retires at 2026-06-04 00:00 UTC and no other takes over"),
    "one that retires soon and a gap": ([key(-9, 3), key(4)], Level.WARNING, "no other takes over"),
    "one that retires soon, followed": ([key(-9, 3), key(3)], Level.OK, "2 in all"),
    "one that retires soon beside another": ([key(-9, 3), key(-1)], Level.OK, "2 in all"),
    "one that retires later": ([key(-9, 8)], Level.OK, "1 in all"),
    "an old one": ([key(-181)], Level.WARNING, "has signed since 2025-12-02"),
    "an old one, followed": ([key(-181, 1), key(1)], Level.OK, "2 in all"),
}


@pytest.mark.parametrize(("keys", "level", "text"), JUDGED.values(), ids=JUDGED.keys())
def test_keys_are_judged_by_their_times(keys: list[SigningKey], level: Level, text: str) -> None:
    finding = judge_keys(keys, NOW)
    assert (finding.level, text in finding.text) == (level, True), finding


def levels(findings: list[Finding]) -> list[tuple[str, Level]]:
    return [(each.about, each.level) for each in findings]


def test_a_key_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = KeyFolder(tmp_path).write(key(-1))
    assert levels(check_folder(tmp_path, NOW)) == [("signing keys", Level.OK)]
    file.chmod(0o640)
    [_, found] = check_folder(tmp_path, NOW)
    assert (found.about, found.level) == ("key files", Level.WARNING)
    assert file.name in found.text


def test_a_broken_key_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    assert levels(check_folder(tmp_path, NOW)) == [("signing keys", Level.PROBLEM)]


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (SECRET, [("HS256", Level.WARNING)]),
        ("abc" * 20, [("HS256", Level.WARNING), ("secret", Level.PROBLEM)]),
        ("short", [("HS256", Level.WARNING), ("secret", Level.PROBLEM)]),
    ],
)
def test_hs256_is_a_warning_and_a_weak_secret_a_problem(secret: str, found: Any) -> None:
    findings = check_secret(EdgeSettings(_env_file=None, hs256=True, secret=secret))
    assert levels(findings) == found
    assert secret not in "".join(f"{each.text} {each.hint}" for each in findings) or secret == "short"


def test_a_secret_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)
    findings = check_secret(EdgeSettings(_env_file=None, hs256=True, secret_file=file))
    assert levels(findings) == [("HS256", Level.WARNING), ("secret", Level.WARNING)]


async def test_issuers_are_asked_for_their_keys() -> None:
    async with JwksServer(RSA_JWK).running() as server:
        issuer = {"issuer": "https://a.example", "jwks": server.url, "algorithms": ["RS256"], "subject_prefix": "a:"}
        edge = EdgeSettings(_env_file=None, issuers=[issuer])
        [good] = await check_keys(edge, None)
        server.status = 404
        [bad] = await check_keys(edge, None)
    assert (good.level, good.text) == (Level.OK, f"1 key at {server.url}")
    assert (bad.level, "answered with 404" in bad.text) == (Level.PROBLEM, True)


async def test_what_is_not_set_is_not_looked_at() -> None:
    assert await check_keys(EdgeSettings(_env_file=None), None) == []
