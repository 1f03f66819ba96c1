"""A key-value bucket in the memory server, as one connection sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from natya.memory.bus import MemoryBus
from natya.memory.stream import NoRoom
from natya.ports.bus import Disconnected, NoReply
from natya.ports.lease import Entry, LeaseUnknown

T = TypeVar("T")


class MemoryRegistry:
    """Implements `natya.ports.lease.Registry` over one connection. ``timeout`` in seconds, for each request."""

    def __init__(self, bus: MemoryBus, bucket: str, *, timeout: float = 1.0) -> None:
        self._bus = bus
        self._name = bucket
        self._bucket = bus.broker.bucket(bucket)
        self._timeout = timeout

    async def get(self, key: str) -> Entry | None:
        """Raises `LeaseUnknown`."""
        return await self._ask(f"$JS.API.KV_{self._name}", lambda: self._bucket.get(key))

    async def put(self, key: str, value: bytes, *, expected: int | None = None, ttl: float | None = None) -> int:
        if ttl is not None and (ttl < 1 or ttl != int(ttl)):
            raise ValueError(f"a time to live of {ttl} s is impossible: whole seconds, at least 1")
        subject = f"$KV.{self._name}.{key}"

        def write() -> int:
            if self._bus.broker.faults.full(subject):
                raise NoRoom("insufficient storage resources available")
            return self._bucket.put(key, value, expected=expected, ttl=ttl)

        return await self._ask(subject, write)

    async def watch(self, changed: Callable[[Entry], None]) -> MemoryWatch:
        watch = MemoryWatch(self._bus, self._name, changed)
        try:
            await self._bus.open(watch)
        except Disconnected as error:
            raise LeaseUnknown(str(error)) from error
        return watch

    async def _ask(self, subject: str, action: Callable[[], T]) -> T:
        try:
            return await self._bus.trip(subject, action, timeout=self._timeout)
        except (Disconnected, NoReply, NoRoom) as error:
            raise LeaseUnknown(str(error)) from error


class MemoryWatch:
    """Implements `natya.ports.lease.Watch`. After a reconnect everything is told anew, so that nothing is missed."""

    def __init__(self, bus: MemoryBus, bucket: str, changed: Callable[[Entry], None]) -> None:
        self._bus = bus
        self._name = bucket
        self._bucket = bus.broker.bucket(bucket)
        self._changed = changed

    def attach(self) -> None:
        self._bucket.watch(self._tell)

    def detach(self) -> None:
        self._bucket.unwatch(self._tell)

    def _tell(self, entry: Entry) -> None:
        self._bus.deliver(f"$KV.{self._name}.{entry.key}", lambda: self._changed(entry), sure=True)

    async def close(self) -> None:
        await self._bus.shut(self)
