"""The keys that another issuer publishes, kept here for a while.

Whoever sends tokens decides how often keys are looked for, so asking the issuer is bounded by time and by nothing that a token says:
one fetch at a time, and none within `PAUSE` of the last one, however many unknown keys are named. Keys are fetched again before they are
old; while the issuer cannot be reached, those that were read last are good for a stated time. Everybody who needs the answer
waits for the same fetch, for at most its time limit, and the loop is never blocked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp

from natya.clock import Clock, SystemClock
from natya.errors import Unavailable
from natya_edge.auth.jwk_set import read_jwks
from natya_edge.auth.verifying_key import KeySet, VerifyingKey

FRESH: Final = 300.0
"""Seconds for which keys are used without a doubt; from half of it on they are fetched again in passing."""
STALE: Final = 86_400.0
"""Seconds for which keys are used while their issuer cannot be reached."""
PAUSE: Final = 10.0
"""Least seconds between two fetches."""
TIMEOUT: Final = 5.0
MAX_SIZE: Final = 256 << 10
"""Bytes of a JWK Set."""

_log = logging.getLogger("natya.edge")


class PublishedKeys:
    """Implements `KeySource` with the JWK Set at ``url``; no redirect is followed. Fetching ends at the end of ``async with``."""

    def __init__(self, url: str, algorithms: Sequence[str], clock: Clock | None = None) -> None:
        self._url = url
        self._algorithms = algorithms
        self._clock = clock or SystemClock()
        self._keys = KeySet()
        self._read_at = float("-inf")
        self._next_fetch = float("-inf")
        self._trouble = ""
        self._fetching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._fetching

    async def find(self, kid: str) -> VerifyingKey | None:
        key, age = self._keys.get(kid), self._clock.boottime() - self._read_at
        if key is not None and age < FRESH:
            if age > FRESH / 2:
                self._fetch_once()
            return key
        if fetching := self._fetch_once():
            await asyncio.shield(fetching)
            key = self._keys.get(kid)
        if key is None and self._trouble:
            raise Unavailable(f"the keys of the token's issuer cannot be read: {self._trouble}", retry_after=PAUSE)
        return key

    def _fetch_once(self) -> asyncio.Task[None] | None:
        """The fetch that runs, or a new one; None if it is too early for one."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = self._clock.boottime()
        if now < self._next_fetch:
            return None
        self._next_fetch = now + PAUSE
        self._fetching = asyncio.create_task(self._fetch(), name=f"keys at {self._url}")
        return self._fetching

    async def _fetch(self) -> None:
        try:
            self._keys.replace(read_jwks(await fetch(self._url), self._algorithms))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            trouble = str(error) or f"no answer within {TIMEOUT:g} s"
            if trouble != self._trouble:
                _log.warning("the keys at %s cannot be read: %s", self._url, trouble)
            self._trouble = trouble
            if self._clock.boottime() - self._read_at >= STALE:
                self._keys.replace(())
        else:
            self._trouble = ""
            self._read_at = self._clock.boottime()


async def fetch(url: str) -> bytes:
    """The document at ``url``. Raises `aiohttp.ClientError`, `TimeoutError`, `OSError`; `ValueError` if it is not there or too large."""
    async with (
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
        ) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError(f"it is answered with {response.status}")
        text = bytearray()
        async for part in response.content.iter_any():
            text += part
            if len(text) > MAX_SIZE:
                raise ValueError(f"it has more than {MAX_SIZE} bytes")
        return bytes(text)
