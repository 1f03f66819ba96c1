"""Users and clients in the store of a platform, for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from natya.clock import SystemClock
from natya.errors import ConfigurationError
from natya.mongo import open_store
from natya.ports.store import StoreUnavailable
from natya.settings import Settings
from natya_edge.oauth.accounts import Account, Directory
from natya_edge.oauth.administration import Administration
from natya_edge.oauth.passwords import Passwords

A = TypeVar("A", bound=Account)


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """The administration of the accounts in the store that ``settings`` name. Raises `ConfigurationError`, also if the store goes
    away within."""
    try:
        async with open_store(settings) as store, Passwords() as passwords:
            yield Administration(store.records, passwords, SystemClock())
    except StoreUnavailable as error:
        raise ConfigurationError(f"the store cannot be reached: {error}; name it with --store or NATYA_STORE") from error


async def listed(directory: Directory[A]) -> list[dict[str, Any]]:
    """All accounts, by id, as they may be shown."""
    found: list[dict[str, Any]] = []
    while page := await directory.list(after=found[-1]["id"] if found else ""):
        found += [account.public() for account in page]
    return found
