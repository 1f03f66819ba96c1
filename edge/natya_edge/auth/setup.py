"""Puts into the application what knows who sends a request: the signing keys, and the tokens that are believed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from natya.clock import Clock
from natya.errors import ConfigurationError
from natya_edge.auth.issuers import Issuers
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.key_watch import follow
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.revocations import Revocations
from natya_edge.auth.signing_key import SigningKey
from natya_edge.auth.tokens import Tokens
from natya_edge.keys import KEYRING, TOKENS
from natya_edge.settings import EdgeSettings


def add_auth(
    app: web.Application, edge: EdgeSettings, clock: Clock | None = None, revocations: Revocations | None = None
) -> None:
    """Keys are followed and fetched from the start of the application to its end. Raises `ConfigurationError`."""
    folder = None if edge.keys is None else KeyFolder(edge.keys)
    keyring = Keyring(_read(folder) if folder else (), clock)
    issuers = Issuers(edge, keyring, clock)
    app[KEYRING] = keyring
    app[TOKENS] = Tokens(issuers.all, clock, revocations=revocations, size=edge.known_tokens)

    async def running(app: web.Application) -> AsyncIterator[None]:
        following = asyncio.create_task(follow(folder, keyring, clock), name="signing keys") if folder else None
        async with issuers.running():
            yield
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    app.cleanup_ctx.append(running)


def _read(folder: KeyFolder) -> list[SigningKey]:
    keys = folder.read()
    if not keys:
        raise ConfigurationError(f"there is no signing key in {folder.path}: natya keys new makes one")
    return keys
