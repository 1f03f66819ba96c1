"""Hashes of passwords: argon2id, in threads of their own that cannot be flooded.

A hash is meant to cost: some 20 ms of a core and 19 MiB (the least that OWASP recommends; more users would be hurt by waiting
than by what an attacker saves). So few are computed at a time, few wait, and beyond that a request is refused at once: a flood
of log-ins stalls neither the loop nor any other route, and takes no memory.

Checking the password of a user who is not there does the same work as that of one who is, on a hash of nobody's.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from natya.errors import Overloaded

T = TypeVar("T")

COST: Final = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19 << 10, parallelism=1
)
"""What a new hash costs. A user's older hash is replaced when the password is next seen."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Hashes computed so far, requests refused so far, and hashes that run or wait now."""

    computed: int
    refused: int
    pending: int


class Passwords:
    """``async with Passwords() as passwords: …``: at most ``workers`` at a time, and ``queue`` that wait."""

    def __init__(self, *, workers: int = 2, queue: int = 32, cost: Parameters = COST) -> None:
        self._hasher = PasswordHasher.from_parameters(cost)
        self._nobody = _hash_of_nobody(cost)
        self._workers = workers
        self._limit = workers + queue
        self._executor: ThreadPoolExecutor | None = None
        self._pending = self._computed = self._refused = 0

    async def __aenter__(self) -> Self:
        if self._executor is not None:
            raise RuntimeError("entered twice")
        self._executor = ThreadPoolExecutor(self._workers, "password")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """A new hash. Raises `Overloaded`."""
        return await self._run(lambda: self._hasher.hash(password))

    async def check(self, hash: str | None, password: str) -> bool:
        """Whether ``hash`` is of ``password``; None, for a user who is not there, is of no password. Raises `Overloaded`."""
        return await self._run(lambda: self._check(self._nobody if hash is None else hash, password)) and hash is not None

    def outdated(self, hash: str) -> bool:
        """Whether a new hash would cost something else."""
        return self._hasher.check_needs_rehash(hash)

    @property
    def statistics(self) -> Statistics:
        return Statistics(self._computed, self._refused, self._pending)

    def _check(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._executor is None:
            raise RuntimeError("not entered")
        if self._pending >= self._limit:
            self._refused += 1
            raise Overloaded("too many passwords are being checked", retry_after=1.0)
        self._pending += 1
        # A request that is given up does not stop its thread: the work counts until it has ended.
        running = asyncio.get_running_loop().run_in_executor(self._executor, work)
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, running: asyncio.Future[T]) -> None:
        self._pending -= 1
        self._computed += not running.cancelled()


def _hash_of_nobody(cost: Parameters) -> str:
    """A hash of these parameters, for which nobody knows a password: its digest is chance."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (cost.salt_len, cost.hash_len)
    )
    return f"$argon2id$v={cost.version}$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}${salt}${digest}"
