"""The memory server: what the connections of one process share. It routes subjects and keeps streams and buckets.

It does what nats-server does, as far as Natya depends on it: wildcards, queue groups (one random member takes each
message), *no responders* to a request nobody takes, acknowledgements from streams. It never calls anybody from within a
call: whatever it delivers goes through the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import orjson

from natya.clock import Clock, Ids, RandomIds, SystemClock
from natya.errors import ConfigurationError
from natya.memory.bucket import Bucket
from natya.memory.faults import Faults
from natya.memory.stream import NoRoom, Stored, Stream, WrongLastSequence
from natya.memory.subject import SubjectIndex
from natya.memory.wire import NO_RESPONDERS, Connection, Delivered, Interest
from natya.message import NO_HEADERS
from natya.names import DEFAULT_PARTITIONS, JOURNAL_STREAMS, Subjects, check_kind, partition_of
from natya.ports.bus import Refused


class MemoryBroker:
    """One server. ``async with``: when it ends, so does what was still to happen in it.

    ``max_payload`` in bytes. ``faults`` is consulted for everything that goes over a connection.
    """

    def __init__(
        self,
        *,
        subjects: Subjects | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        faults: Faults | None = None,
        max_payload: int = 1 << 20,
    ) -> None:
        self.subjects = subjects or Subjects()
        self.clock = clock or SystemClock()
        self.faults = faults or Faults()
        self.max_payload = max_payload
        self.server = "memory"
        self.ids = ids or RandomIds()
        self._interests: SubjectIndex[Interest] = SubjectIndex()
        self._captures: SubjectIndex[Stream] = SubjectIndex()
        self._streams: dict[str, Stream] = {}
        self._partitions: dict[str, int] = {}
        self._buckets: dict[str, Bucket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        for name, kind_of in ((self.subjects.events_stream, "event"), (self.subjects.dead_stream, "dead")):
            self._add(Stream(name, self.clock), [f"{self.subjects.namespace}.{kind_of}.*.*.*"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # streams and buckets

    def make_kind(self, kind: str, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Make the streams of a kind. Does nothing if they are there; raises `ConfigurationError` if those have another
        number of partitions."""
        if kind in self._partitions:
            if self._partitions[kind] != partitions:
                raise ConfigurationError(
                    f"kind {kind} was made with {self._partitions[kind]} partitions, not {partitions}: they are fixed for good"
                )
            return
        self._partitions[check_kind(kind)] = partitions

        def to_mail(subject: str) -> str:
            token, method = subject.split(".")[-2:]
            return self.subjects.mail(kind, partition_of(token, partitions), token, method)

        mail = Stream(self.subjects.mail_stream(kind), self.clock, transform=to_mail)
        self._add(mail, [self.subjects.tell(kind, "*", "*")])
        for n in range(min(JOURNAL_STREAMS, partitions)):
            journals = [self.subjects.journal(kind, partition) for partition in range(n, partitions, JOURNAL_STREAMS)]
            self._add(Stream(self.subjects.journal_stream(kind, n), self.clock), journals)

    def _add(self, stream: Stream, subjects: Sequence[str]) -> None:
        self._streams[stream.name] = stream
        for subject in subjects:
            self._captures.add(subject, stream)

    def stream(self, name: str) -> Stream | None:
        """A stream by name, None if it was never made."""
        return self._streams.get(name)

    @property
    def events(self) -> list[Stored]:
        """Every event that was published."""
        return self._streams[self.subjects.events_stream].read(">")

    @property
    def dead_letters(self) -> list[Stored]:
        """Every message that was given up."""
        return self._streams[self.subjects.dead_stream].read(">")

    def restart(self) -> None:
        """Forget what a server that is restarted forgets: the ids of messages that are purged. What its connections notice
        is theirs to say."""
        for stream in self._streams.values():
            stream.restart()

    def bucket(self, name: str) -> Bucket:
        """A bucket by name; made when first asked for."""
        if name not in self._buckets:
            self._buckets[name] = Bucket(self.clock, self.later)
        return self._buckets[name]

    # routing

    def add(self, interest: Interest) -> None:
        self._interests.add(interest.pattern, interest)

    def remove(self, interest: Interest) -> None:
        """Deliver nothing more to this subscription, except what is on its way."""
        self._interests.remove(interest.pattern, interest)

    def accept(self, sender: Connection, message: Delivered) -> None:
        """Take a message from a connection: store it where a stream takes it, and deliver it."""
        streams = self._captures.find(message.subject)
        for stream in streams:
            answer = self._store(stream, message)
            if message.reply:
                self._send(Delivered(message.reply, "", NO_HEADERS, answer), message.subject)
        taken = self._send(message, message.subject)
        if message.reply and not taken and not streams:
            status = Delivered(message.reply, "", NO_RESPONDERS, b"")
            for interest in self._interests.find(message.reply):
                if interest.connection is sender:
                    self._deliver(interest, status, message.subject)

    def _send(self, message: Delivered, under: str) -> bool:
        """Deliver to every subscription, and to one member of every queue group; False if there is none. ``under`` is the
        subject by which faults know the message."""
        groups: dict[str, list[Interest]] = {}
        interests = self._interests.find(message.subject)
        for interest in interests:
            if interest.queue:
                groups.setdefault(interest.queue, []).append(interest)
            else:
                self._deliver(interest, message, under)
        for members in groups.values():
            self._deliver(members[int(self.ids.jitter() * len(members))], message, under)
        return bool(interests)

    def _deliver(self, interest: Interest, message: Delivered, under: str) -> None:
        interest.connection.deliver(under, lambda: interest.handler(message))

    def _store(self, stream: Stream, message: Delivered) -> bytes:
        """Let a stream store the message; what it answers, in JSON."""
        answer: dict[str, object] = {"stream": stream.name}
        try:
            if self.faults.full(message.subject):
                raise NoRoom
            ack = stream.append(message.subject, message.data, message.headers)
            answer["seq"] = ack.sequence
            if ack.duplicate:
                answer["duplicate"] = True
        except WrongLastSequence as error:
            answer["error"] = {"code": 400, "err_code": 10071, "description": str(error)}
        except Refused as error:
            answer["error"] = {"code": 400, "err_code": 10111, "description": str(error)}
        except NoRoom:
            answer["error"] = {"code": 503, "err_code": 10047, "description": "insufficient storage resources available"}
        return orjson.dumps(answer)

    # time

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in a round of the loop of its own, ``seconds`` from now on the broker's clock."""
        loop = asyncio.get_running_loop()
        if seconds <= 0:
            loop.call_soon(callback)
        elif self._open:
            task = loop.create_task(self._after(seconds, callback), name="memory broker: later")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        await self.clock.sleep(seconds)
        asyncio.get_running_loop().call_soon(callback)
