"""`natya.ports.lease.Registry` on a key-value bucket: stream ``KV_<bucket>``, one subject a key, the last message counts.

The client's own key-value helper is not used: its put loses a key's time to live. A key that expired is replaced by a marker
on the same subject, which is how watchers see the end; the marker goes too after a while.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from natya.errors import Invalid
from natya.jetstream.connection import Connection
from natya.jetstream.pull import Broken, Pull, open_pull
from natya.jetstream.requests import EXPECTED, ApiError, NoAnswer, Verdict, get_message, read_ack
from natya.ports.bus import Disconnected, NoReply, NoResponders, PayloadTooLarge
from natya.ports.lease import Entry, LeaseUnknown, RevisionConflict, Watch

_KEY: Final = re.compile(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*\Z")
_OPERATION: Final = "KV-Operation"
_MARKER: Final = "Nats-Marker-Reason"
_TTL: Final = "Nats-TTL"
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.1

_log = logging.getLogger("natya.jetstream")


class JetStreamRegistry:
    """See `natya.ports.lease.Registry`. ``timeout``: seconds after which a call without an answer is unknown."""

    def __init__(self, connection: Connection, bucket: str, *, timeout: float = 2.0) -> None:
        self._connection = connection
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._timeout = timeout

    async def get(self, key: str) -> Entry | None:
        query = {"last_by_subj": self._subject(key)}
        try:
            found = await get_message(self._connection, self._stream, query, timeout=self._timeout)
        except NoAnswer as error:
            raise LeaseUnknown(str(error)) from error
        return None if found is None else Entry(key, None if _ended(found.headers) else found.data, found.sequence)

    async def put(self, key: str, value: bytes, *, expected: int | None = None, ttl: float | None = None) -> int:
        headers = {} if ttl is None else {_TTL: str(max(1, math.ceil(ttl)))}
        if expected != 0:
            return await self._write(key, value, headers, expected)
        # The key may have ended: its marker is then the last message, and the one to expect.
        after = 0
        for _ in range(_ATTEMPTS):
            try:
                return await self._write(key, value, headers, after)
            except RevisionConflict:
                entry = await self.get(key)
                if entry is not None and entry.value is not None:
                    raise
                after = entry.revision if entry is not None else 0
        raise LeaseUnknown(f"{key} changes all the time")

    async def watch(self, changed: Callable[[Entry], None]) -> Watch:
        watch = JetStreamWatch(self, self._connection, self._stream, self._prefix, changed)
        await watch.start()
        return watch

    def _subject(self, key: str) -> str:
        if not _KEY.match(key):
            raise Invalid(f"{key!r} is not a key of a bucket: letters, digits and - / _ = in tokens parted by dots")
        return self._prefix + key

    async def _write(self, key: str, value: bytes, headers: dict[str, str], expected: int | None) -> int:
        if expected is not None:
            headers = headers | {EXPECTED: str(expected)}
        try:
            return read_ack(await self._connection.request(self._subject(key), value, headers, timeout=self._timeout))
        except (Disconnected, NoResponders, NoReply) as error:
            raise LeaseUnknown(str(error)) from error
        except ApiError as error:
            match error.verdict:
                case Verdict.CONFLICT:
                    raise RevisionConflict(f"{key}: {error}") from error
                case Verdict.TOO_LARGE:
                    raise PayloadTooLarge(f"{key}: {error}", size=len(value)) from error
                case Verdict.UNKNOWN | Verdict.NO_ROOM | Verdict.REFUSED:
                    raise LeaseUnknown(f"{key}: {error}") from error


class JetStreamWatch:
    """A running watch: a task that goes on making passes over the bucket until it is closed."""

    def __init__(
        self,
        registry: JetStreamRegistry,
        connection: Connection,
        stream: str,
        prefix: str,
        changed: Callable[[Entry], None],
    ) -> None:
        self._registry = registry
        self._connection = connection
        self._stream = stream
        self._prefix = prefix
        self._changed = changed
        self._known: dict[str, Entry] = {}
        self._pull: Pull | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Tell what is there, then go on in a task. Raises `LeaseUnknown`."""
        try:
            self._pull = await self._begin()
        except Broken as error:
            raise LeaseUnknown(str(error)) from error
        self._task = asyncio.create_task(self._run(), name=f"watch {self._stream}")
        self._task.add_done_callback(self._report)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._pull is not None:
            self._pull.close()

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the watch on %s has failed: nothing is seen any more", self._stream, exc_info=error)

    async def _begin(self) -> Pull:
        """A new pass whose first part, all keys there are, has been told."""
        pull, pending = await open_pull(self._connection, self._stream, f"{self._prefix}>", start=None)
        try:
            seen: set[str] = set()
            while pending:
                for item in await pull.next(1_000, patience=2.0):
                    seen.add(self._tell(item.arrival.subject, item.arrival.data, item.arrival.headers, item.sequence))
                    pending = item.behind
            for key in [key for key, entry in self._known.items() if key not in seen and entry.value is not None]:
                await self._check(key)
        except BaseException:
            pull.close()
            raise
        return pull

    async def _run(self) -> None:
        while True:
            try:
                if self._pull is None:
                    self._pull = await self._begin()
                for item in await self._pull.next(1_000):
                    self._tell(item.arrival.subject, item.arrival.data, item.arrival.headers, item.sequence)
            except Broken as error:
                _log.debug("watch on %s starts again: %s", self._stream, error)
                if self._pull is not None:
                    self._pull.close()
                    self._pull = None
                else:
                    await asyncio.sleep(_PAUSE)
                await self._connection.wait_connected(None)

    async def _check(self, key: str) -> None:
        """A key that was known is not in the bucket any more, or not yet in the copy that we read: ask the leader."""
        try:
            entry = await self._registry.get(key)
        except LeaseUnknown as error:
            raise Broken(str(error)) from error
        if entry is None:
            # Even its marker is gone. Its true revision is lost; it was a later one than we know.
            entry = Entry(key, None, self._known[key].revision + 1)
        self._apply(entry)

    def _tell(self, subject: str, data: bytes, headers: Mapping[str, str], revision: int) -> str:
        key = subject.removeprefix(self._prefix)
        self._apply(Entry(key, None if _ended(headers) else data, revision))
        return key

    def _apply(self, entry: Entry) -> None:
        known = self._known.get(entry.key)
        if known is not None and known.revision > entry.revision:
            return
        self._known[entry.key] = entry
        try:
            self._changed(entry)
        except Exception:  # noqa: BLE001 - a watcher's bug must not blind the node
            _log.exception("a watcher failed on %s of %s", entry.key, self._stream)


def _ended(headers: Mapping[str, str]) -> bool:
    return _MARKER in headers or headers.get(_OPERATION) in ("DEL", "PURGE")
