"""A node as a NATS micro service, for ``nats service ls``, ``info`` and ``stats``.

The service is named like the namespace and has one endpoint a kind: the subject where the kind is asked. An instance is a
node, its id the node's name. Requests counted are commands and queries whose handler ended on this node, whichever way they
came. The protocol is the NATS service API: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from natya.message import Delivery
from natya.ports.bus import Bus, Disconnected, NoReply, Subscription
from natya.runtime.router import QUEUE
from natya.telemetry.events import Event, HandlerFailed
from natya.telemetry.metrics import Metrics
from natya.version import VERSION

if TYPE_CHECKING:
    from natya.manifest import Definition
    from natya.runtime.world import World

DESCRIPTION: Final = "Durable actors"
RETRY: Final = 0.2


class Card:
    """What a node says of itself as a service. A telemetry hook: it remembers each kind's last failure."""

    def __init__(
        self, namespace: str, node: str, definitions: Sequence[Definition], metrics: Metrics, started: datetime
    ) -> None:
        self.name = namespace
        self.id = _token(node)
        self._node = node
        self._definitions = definitions
        self._metrics = metrics
        self._started = started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._failures: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, HandlerFailed):
            self._failures[event.kind] = f"{type(event.error).__name__} in {event.method}, error id {event.error_id}"

    def ping(self) -> dict[str, Any]:
        return self._answer("ping")

    def info(self) -> dict[str, Any]:
        endpoints = [self._endpoint(each) | {"metadata": _metadata(each)} for each in self._definitions]
        return self._answer("info") | {"description": DESCRIPTION, "endpoints": endpoints}

    def stats(self) -> dict[str, Any]:
        endpoints = [self._endpoint(each) | self._numbers(each.kind) for each in self._definitions]
        return self._answer("stats") | {"started": self._started, "endpoints": endpoints}

    def _answer(self, verb: str) -> dict[str, Any]:
        return {
            "type": f"io.nats.micro.v1.{verb}_response",
            "name": self.name,
            "id": self.id,
            "version": VERSION,
            "metadata": {"node": self._node},
        }

    def _endpoint(self, definition: Definition) -> dict[str, Any]:
        return {"name": definition.kind, "subject": f"{self.name}.ask.{definition.kind}.>", "queue_group": QUEUE}

    def _numbers(self, kind: str) -> dict[str, Any]:
        """The protocol's names; times are nanoseconds."""
        count, bad, seconds = self._metrics.handled(kind)
        nanoseconds = round(seconds * 1e9)
        return {
            "num_requests": count,
            "num_errors": bad,
            "last_error": self._failures.get(kind, ""),
            "processing_time": nanoseconds,
            "average_processing_time": nanoseconds // count if count else 0,
        }


@asynccontextmanager
async def answer_services(world: World, definitions: Sequence[Definition], metrics: Metrics) -> AsyncIterator[Card]:
    """Answer ``$SRV.PING``, ``$SRV.INFO`` and ``$SRV.STATS``, also with the service's name, and with name and id, while
    inside. Waits while the connection is lost."""
    started = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC)
    card = Card(world.settings.namespace, world.settings.node, definitions, metrics, started)
    world.telemetry.add(card)
    async with AsyncExitStack() as stack:
        for verb, what in (("PING", card.ping), ("INFO", card.info), ("STATS", card.stats)):
            for subject in (f"$SRV.{verb}", f"$SRV.{verb}.{card.name}", f"$SRV.{verb}.{card.name}.{card.id}"):
                subscription = await _subscribe(world, subject, partial(_respond, world.bus, what))
                stack.push_async_callback(_unsubscribe, subscription)
        yield card


def _respond(bus: Bus, what: Callable[[], dict[str, Any]], delivery: Delivery) -> None:
    bus.respond(delivery.reply, orjson.dumps(what()))


async def _subscribe(world: World, subject: str, handler: Callable[[Delivery], None]) -> Subscription:
    while True:
        try:
            return await world.bus.subscribe(subject, handler)
        except (Disconnected, NoReply):
            await world.clock.sleep(RETRY)


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except (Disconnected, NoReply):
        return


def _metadata(definition: Definition) -> dict[str, str]:
    return {
        "methods": ",".join(sorted(definition.methods)),
        "stateless": "true" if definition.stateless else "false",
        "partitions": str(definition.partitions),
        "digest": str(definition.manifest()["digest"]),
    }


def _token(name: str) -> str:
    """The name as it may stand in a subject."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
