"""The keys, secrets and issuers of the edge, as this machine's settings name them."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from natya.errors import ConfigurationError
from natya_ops.doctor.findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from natya_edge.auth.signing_key import SigningKey
    from natya_edge.settings import EdgeSettings

SOON: Final = timedelta(days=7)
OLD: Final = timedelta(days=180)
FEW_CHARACTERS: Final = 10
"""A secret of 32 bytes with fewer different ones was typed, not drawn."""

ABOUT: Final = "signing keys"


async def check_keys(edge: EdgeSettings, keys: Path | None) -> list[Finding]:
    """What tokens rest on: the key files in the folder ``keys``, the secret if HS256 is taken, and the issuers that are trusted."""
    findings: list[Finding] = []
    if keys is not None:
        findings += check_folder(keys, datetime.now(UTC))
    if edge.hs256:
        findings += check_secret(edge)
    for issuer in edge.issuers:
        findings.append(await _check_issuer(issuer.issuer, issuer.jwks, issuer.algorithms))
    return findings


def check_folder(path: Path, now: datetime) -> list[Finding]:
    """The keys in a folder: who may read them, and whether one signs and will go on signing."""
    from natya_edge.auth.key_folder import KeyFolder

    folder = KeyFolder(path)
    try:
        keys = folder.read()
        names = folder.files()
    except ConfigurationError as error:
        return [problem(ABOUT, str(error), "mend or delete the file: an edge does not start with it")]
    findings = [judge_keys(keys, now)]
    if open_files := [name for name in names if _readable_by_others(path / name)]:
        findings.append(
            warning(
                "key files",
                f"{', '.join(open_files)} in {path}: other users of the machine can read it",
                "whoever reads a key can make tokens for anybody: chmod 600, and natya keys rotate if others may have read it",
            )
        )
    return findings


def judge_keys(keys: list[SigningKey], now: datetime) -> Finding:
    """What the times of the keys mean."""
    from natya_edge.auth.signing_key import Stage

    active = [key for key in keys if key.stage(now) is Stage.ACTIVE]
    waiting = [key for key in keys if key.stage(now) is Stage.NEXT]
    if not active:
        return problem(ABOUT, "none of the keys may sign now: no token can be issued", "natya keys new makes one")
    current = active[-1]
    last = max((key.retire_at for key in active if key.retire_at), default=None)
    ends = last if all(key.retire_at for key in active) else None
    followed = any(ends is not None and key.use_from <= ends for key in waiting)
    if ends is not None and ends - now < SOON and not followed:
        return warning(
            ABOUT,
            f"{current.kid} retires at {ends:%Y-%m-%d %H:%M} UTC and no other takes over",
            "natya keys rotate makes the next one",
        )
    if now - current.use_from > OLD and not waiting:
        return warning(
            ABOUT, f"{current.kid} has signed since {current.use_from:%Y-%m-%d}", "exchange it: natya keys rotate"
        )
    return ok(ABOUT, f"{current.kid} ({current.algorithm}) signs since {current.use_from:%Y-%m-%d}; {len(keys)} in all")


def check_secret(edge: EdgeSettings) -> list[Finding]:
    """The secret of tokens for development. It is not quoted."""
    findings = [
        warning(
            "HS256",
            "tokens signed with a secret are taken: every edge that can check one can make one",
            "for development only: use NATYA_EDGE_KEYS in production",
        )
    ]
    try:
        secret = edge.read_secret()
    except ConfigurationError as error:
        return [*findings, problem("secret", str(error), "an edge does not start with it: openssl rand -hex 32")]
    if len(set(secret)) < FEW_CHARACTERS:
        findings.append(problem("secret", "it has few different characters and can be guessed", "openssl rand -hex 32"))
    if edge.secret_file is not None and _readable_by_others(edge.secret_file):
        findings.append(warning("secret", f"{edge.secret_file}: other users of the machine can read it", "chmod 600"))
    return findings


async def _check_issuer(name: str, url: str, algorithms: tuple[str, ...]) -> Finding:
    from aiohttp import ClientError

    from natya_edge.auth.jwk_set import read_jwks
    from natya_edge.auth.published_keys import fetch

    try:
        keys = read_jwks(await fetch(url), algorithms)
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        hint = "its tokens are answered with 503 until this is mended; see NATYA_EDGE_ISSUERS"
        return problem(f"issuer {name}", f"its keys at {url} cannot be read: {error or 'no answer'}", hint)
    return ok(f"issuer {name}", f"{len(keys)} key{'s' * (len(keys) != 1)} at {url}")


def _readable_by_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
