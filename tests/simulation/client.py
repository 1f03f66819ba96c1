"""A client of the simulated platform, and the record of what it did and heard."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import orjson

from natya.client import Platform
from natya.errors import NatyaError, Permanent
from natya.memory import MemoryEvents, MemoryRegistry, SeededIds
from natya.message import Answer, Message
from natya.names import encode_key, partition_of
from natya.ports.bus import Disconnected, NoReply, NoResponders
from natya.ref import Options
from natya.runtime.kinds import KindsWatch
from natya_ops.chaos.record import Operation, Outcome, Verb
from simulation.clock import ProcessClock
from simulation.stage import DEFINITIONS, Stage

PARTITIONS = {definition.kind: definition.partitions for definition in DEFINITIONS}


class Client:
    """One process that calls actors by the protocol, with a connection of its own. Every call is in `operations`."""

    def __init__(self, stage: Stage, number: int, *, skew: float = 0.0) -> None:
        self.number = number
        self.name = f"c{number}"
        self.operations: list[Operation] = []
        self.sent: dict[str, int] = {}
        self._stage = stage
        self.process = stage.process(self.name)
        self.link = stage.network.connect(self.name, self.process)
        stage.clients.append(self.link)
        self._clock = ProcessClock(stage.loop, skew=skew)
        self._ids = SeededIds(stage.number())
        subjects = stage.network.subjects
        registry, cluster = (MemoryRegistry(self.link, name) for name in (subjects.kinds_bucket, subjects.cluster_bucket))
        self._kinds = KindsWatch(registry)
        events = MemoryEvents(self.link)
        self.platform = Platform(self.link, subjects, self._kinds, registry, cluster, events, self._clock, self._ids, 10.0)

    async def start(self) -> None:
        """Hear of the kinds that are deployed."""
        await self._kinds.start()

    async def ask(
        self, kind: str, key: str, method: str, *, timeout: float = 10.0, id: str = "", **arguments: Any
    ) -> Operation:
        """Ask by the protocol: repeated until there is an answer or the time is over."""
        op = self._begin(Verb.ASK, "nats", kind, key, method, id or self._ids.new(), arguments)
        self.sent[op.id] = self._clock.now_ms()
        return await self._heard(op, self.platform.call(kind, key, method, _body(arguments), Options(op.id, timeout)))

    async def query(self, kind: str, key: str, method: str, *, timeout: float = 10.0, **arguments: Any) -> Operation:
        op = self._begin(Verb.QUERY, "nats", kind, key, method, self._ids.new(), arguments)
        return await self._heard(op, self.platform.call(kind, key, method, _body(arguments), Options(op.id, timeout)))

    async def tell(self, kind: str, key: str, method: str, **arguments: Any) -> Operation:
        op = self._begin(Verb.TELL, "nats", kind, key, method, self._ids.new(), arguments)

        async def tell() -> Answer:
            await self.platform.tell(kind, key, method, _body(arguments), Options(op.id, 10.0))
            return Answer(b"null")

        return await self._heard(op, tell())

    async def ask_plainly(self, kind: str, key: str, method: str, **arguments: Any) -> Operation:
        """One request to whoever routes it, without an id and without a repeat: what the stock command line does."""
        op = self._begin(Verb.ASK, "router", kind, key, method, "", arguments)
        subject = self._stage.network.subjects.ask(kind, encode_key(key), method)
        return await self._heard(op, self._request(subject, _body(arguments), {}, 10.0))

    async def repeat(self, earlier: Operation) -> Operation:
        """Send an earlier ask once more, as somebody does who did not hear the answer: same id, same first sent time."""
        op = self._begin(Verb.ASK, "repeat", earlier.kind, earlier.key, earlier.method, earlier.id, earlier.arguments)
        token = encode_key(op.key)
        message = Message(
            op.kind, token, partition_of(token, PARTITIONS[op.kind]), op.method, _body(op.arguments),
            id=op.id, sent=self.sent[op.id], attempt=2, deadline=self._clock.now_ms() + 5_000,
        )  # fmt: skip
        subject = self._stage.network.subjects.call(op.kind, message.partition, token, op.method)
        return await self._heard(op, self._request(subject, message.body, message.headers(), 5.0))

    async def _request(self, subject: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        return Answer.read(await self.link.request(subject, body, headers, timeout=timeout))

    def _begin(
        self, verb: Verb, via: str, kind: str, key: str, method: str, id: str, arguments: dict[str, Any]
    ) -> Operation:
        now = self._stage.loop.time()
        op = Operation(self.number, via, verb, kind, key, method, id, now, arguments)
        self.operations.append(op)
        self._stage.trace.add(self.name, f"> {verb.value} {via} {kind}/{key}.{method} {arguments} id={id}")
        return op

    async def _heard(self, op: Operation, work: Awaitable[Answer]) -> Operation:
        try:
            answer = await work
        except NatyaError as error:
            answer = Answer.of(error)
        except (NoResponders, Disconnected) as error:
            op.outcome, op.error = Outcome.FAILED, type(error).__name__
        except NoReply:
            op.error = "no reply"
        if not op.error:
            op.outcome, op.error = _judged(answer)
            op.result = orjson.loads(answer.body)
        op.ended = self._stage.loop.time()
        self._stage.trace.add(
            self.name, f"< {op.kind}/{op.key}.{op.method} {op.arguments} {op.outcome.value} {op.error or op.result}"
        )
        return op


def _body(arguments: dict[str, Any]) -> bytes:
    return orjson.dumps(arguments)


def _judged(answer: Answer) -> tuple[Outcome, str]:
    """A handler that fails leaves no outcome, so that a repeat may succeed; and so may an earlier attempt that is still on its
    way when a later one is told of the failure. Hence *internal* is unknown."""
    if answer.ok:
        return Outcome.OK, ""
    if answer.code == 409:
        return Outcome.REFUSED, answer.slug
    return Outcome.FAILED if isinstance(answer.error(), Permanent) else Outcome.UNKNOWN, answer.slug
