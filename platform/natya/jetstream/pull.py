"""A pass over the messages of a stream, in order and without a gap: under mail, journal and registry alike.

An ephemeral consumer that acknowledges nothing is asked for messages in large portions; what is asked for stays asked until
it comes (a *long pull*), so an idle pass costs one heartbeat every few seconds. Such a consumer forgets: what the server sent
into a connection that broke is gone for it. Hence every message's consumer sequence is checked, and on a gap, a lost
connection, missing heartbeats or a vanished consumer the pass is `Broken`: its user starts another behind the last message
it has seen. Nothing is ever made good silently in here.

In a cluster the consumer lives on one server, perhaps another than the one we are connected to, and is gone with it. Heartbeats
would tell after `2.5 * HEARTBEAT`. But the servers that stay tell their clients at once which servers there are now; then the
consumer is asked for a sign of life, and *no responders* means that it is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from nats.nuid import NUID

from natya.jetstream.connection import Connection
from natya.jetstream.listener import Listener
from natya.jetstream.parser import Arrival
from natya.jetstream.requests import ApiError, NoAnswer, repeat
from natya.ports.bus import Disconnected

HEARTBEAT: Final = 5.0
"""Seconds between signs of life of an idle pass; after two and a half without one it is broken."""

_EXPIRES: Final = 60.0
_INACTIVE: Final = 120.0
_CREATE_TIMEOUT: Final = 2.0
_NANO: Final = 1_000_000_000
_PORTION_BYTES: Final = 4 << 20
_SECOND_LOOK: Final = 1.0
"""Seconds until a consumer is asked again for a sign of life: the first question may have gone to where nobody was any more."""

_NO_REQUEST: Final = b'"are you there"'
"""Asks for no message: a consumer says 400 to it."""

_nuid = NUID()


class Broken(Exception):
    """Raised when the pass cannot go on: start another behind the last message that was returned."""


class Item(NamedTuple):
    """One message: its sequence in the stream, when it was stored (ms), how many were behind it, and itself."""

    sequence: int
    time: int
    behind: int
    arrival: Arrival


class Pull:
    """One pass over one subject or several that have nothing in common; `open` it, take with `next`, `close` it. ``ahead`` says whether
    the next portion is asked for while there is still something of this one."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subjects: str | Sequence[str],
        *,
        portion: int = 1_000,
        ahead: bool = True,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = [subjects] if isinstance(subjects, str) else list(subjects)
        self._ahead = ahead
        self._name = _nuid.next().decode()
        self._portion = portion
        self._listener: Listener | None = None
        self._inbox = ""
        self._items: deque[Item] = deque()
        self._asked = 0
        self._last = 0
        self._heard = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._second_look: asyncio.TimerHandle | None = None
        self._looks = 0
        self._broken = ""
        self._waiter: asyncio.Future[None] | None = None

    async def open(self, *, start: int | None) -> int:
        """Make the consumer: from sequence ``start`` on, or with None the last message of each subject and then what follows.
        Returns how many messages there are now. Raises `NoAnswer`, `ApiError`."""
        self._inbox = self._connection.new_inbox()
        self._listener = self._connection.listen(self._inbox, self._arrived, lost=self._on_lost, shaken=self._on_shaken)
        config: dict[str, Any] = {
            "name": self._name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": int(_INACTIVE * _NANO),
            "max_waiting": 4,
            "mem_storage": True,
            "num_replicas": 1,
        }
        if len(self._subjects) == 1:
            config["filter_subject"] = self._subjects[0]
        else:
            config["filter_subjects"] = self._subjects
        if start is None:
            config["deliver_policy"] = "last_per_subject"
        else:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": max(1, start)}
        try:
            body = {"stream_name": self._stream, "config": config, "action": "create"}
            verb = f"CONSUMER.CREATE.{self._stream}.{self._name}"
            # The same request twice makes one consumer: it has its name from us.
            answer = await repeat(self._connection, verb, body, timeout=_CREATE_TIMEOUT)
            self._ask()
        except BaseException:
            self.close()
            raise
        self._watch()
        return int(answer.get("num_pending", 0))

    async def next(self, limit: int, *, patience: float | None = None) -> list[Item]:
        """Wait for messages; returns at least one and at most ``limit``. Raises `Broken`, also if nothing comes for
        ``patience`` seconds."""
        if not self._items:
            try:
                async with asyncio.timeout(patience):
                    while not self._items:
                        if self._broken:
                            raise Broken(self._broken)
                        self._ask()
                        await self._news()
            except TimeoutError:
                raise Broken(f"nothing came for {patience:g} s") from None
        if limit >= len(self._items):
            items = list(self._items)
            self._items.clear()
        else:
            items = [self._items.popleft() for _ in range(limit)]
        if self._ahead and len(self._items) < self._portion:
            self._ask()
        return items

    def close(self) -> None:
        """Let go, without waiting. Does nothing the second time."""
        self._break("closed")
        if self._inbox:
            self._inbox = ""
            try:
                # The answer goes where nobody listens: if the request is lost, the server forgets the consumer by itself.
                self._connection.publish(
                    f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"", reply=self._connection.new_inbox()
                )
            except Disconnected:
                pass

    def _ask(self) -> None:
        if self._asked or self._broken:
            return
        body = {
            "batch": self._portion,
            "max_bytes": max(_PORTION_BYTES, 2 * self._connection.max_payload),
            "expires": int(_EXPIRES * _NANO),
            "idle_heartbeat": int(HEARTBEAT * _NANO),
        }
        try:
            self._connection.publish(self._requests, orjson.dumps(body), reply=self._inbox)
        except Disconnected:
            self._break("not connected")
            return
        self._asked = self._portion
        self._heard = asyncio.get_running_loop().time()

    @property
    def _requests(self) -> str:
        return f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"

    def _on_shaken(self) -> None:
        if self._second_look is not None:
            self._second_look.cancel()
        self._look()
        self._second_look = asyncio.get_running_loop().call_later(_SECOND_LOOK, self._look)

    def _look(self) -> None:
        """Ask the consumer for a sign of life, if it has been asked for messages."""
        if self._asked and not self._broken:
            try:
                self._connection.publish(self._requests, _NO_REQUEST, reply=self._inbox)
            except Disconnected:
                return  # the end of the connection breaks the pass anyway
            self._looks += 1

    def _arrived(self, arrival: Arrival) -> None:
        self._heard = asyncio.get_running_loop().time()
        if status := arrival.status:
            self._told(status, arrival.description)
        else:
            # $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<ns since the epoch>.<pending>; the
            # second version of this has domain and account before the stream, and perhaps more at the end.
            words = arrival.reply.split(".")
            sequence, count, time, behind = map(int, words[5:9] if len(words) < 11 else words[7:11])
            if count != self._last + 1:
                self._break(f"message {count} came after {self._last}")
                return
            self._last = count
            self._asked = max(0, self._asked - 1)
            self._items.append(Item(sequence, time // 1_000_000, behind, arrival))
        self._wake()

    def _told(self, status: int, description: str) -> None:
        if status == 100:
            return
        if status == 400 and self._looks:
            self._looks -= 1
            return
        if status in (404, 408) or (status == 409 and ("MaxBytes" in description or "Batch Completed" in description)):
            self._asked = 0  # this portion is over: ask for the next
        else:
            self._break(f"{status} {description}".strip())

    def _watch(self) -> None:
        if self._broken:
            return
        loop = asyncio.get_running_loop()
        if self._asked and loop.time() - self._heard > 2.5 * HEARTBEAT:
            self._break("no heartbeat")
        else:
            self._watchdog = loop.call_later(HEARTBEAT, self._watch)

    def _on_lost(self) -> None:
        self._break("the connection was lost")

    def _break(self, reason: str) -> None:
        if self._broken:
            return
        self._broken = reason
        for timer in (self._watchdog, self._second_look):
            if timer is not None:
                timer.cancel()
        if self._listener is not None:
            self._listener.stop()
        self._wake()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def open_pull(
    connection: Connection,
    stream: str,
    subjects: str | Sequence[str],
    *,
    start: int | None,
    portion: int = 1_000,
    ahead: bool = True,
) -> tuple[Pull, int]:
    """A pass and how many messages are before it now. Raises `Broken` if it cannot be opened."""
    pull = Pull(connection, stream, subjects, portion=portion, ahead=ahead)
    try:
        return pull, await pull.open(start=start)
    except (NoAnswer, ApiError) as error:
        raise Broken(f"stream {stream}: {error}") from error
