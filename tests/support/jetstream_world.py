"""A world on a real server: see `support.world`. Each connection goes through a relay of its own, so that it can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlparse

from natya.clock import SystemClock
from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.requests import api, purge
from natya.names import Subjects
from natya.ports.bus import Bus
from natya.settings import Settings
from natya_ops.servers import NatsServer
from support.servers import in_background
from support.world import eventually


class Relay:
    """A TCP relay before a server. `cut` breaks what goes through and lets nothing new in until `restore`; `freeze` keeps
    connections open but passes nothing on."""

    def __init__(self, server: str) -> None:
        url = urlparse(server)
        assert url.hostname is not None
        assert url.port is not None
        self._server = (url.hostname, url.port)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._port = 0
        self.open = True

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Relay:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        self.thaw()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    def cut(self) -> None:
        self.open = False
        for writer in list(self._writers):
            writer.transport.abort()

    def restore(self) -> None:
        self.open = True

    def freeze(self) -> None:
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_writer}
        for source, target in ((reader, to_writer), (to_reader, writer)):
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                await self._thawed.wait()
                target.write(data)
                await target.drain()
        target.transport.abort()
        self._writers.discard(target)


class ConfiguredServer(NatsServer):
    """A server with more in its configuration: ``extra`` at the end, ``jetstream`` inside that block, or no such block."""

    def __init__(self, data: Path, *, extra: str = "", jetstream: str | None = "") -> None:
        super().__init__(data)
        self._extra = extra
        self._jetstream = jetstream

    def _program(self, port: int) -> Sequence[str]:
        program = super()._program(port)
        configuration = Path(program[-1])
        text = configuration.read_text()
        if self._jetstream is None:
            text = re.sub(r"(?s)jetstream \{.*?\n\}", "", text)
        else:
            text = text.replace("jetstream {", f"jetstream {{\n{self._jetstream}")
        configuration.write_text(text + self._extra)
        return program


class JetStreamWorld:
    """Implements `support.world.World`."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack
        self._relays: dict[int, Relay] = {}
        self.clock = SystemClock()
        self.namespace = f"t{secrets.token_hex(6)}"
        self.subjects = Subjects(self.namespace)

    async def start(self) -> None:
        self.jetstream = await self.connect()
        await self.jetstream.ensure_platform()
        self.home = self.jetstream.bus
        self.journal = self.jetstream.journal
        self.mail = self.jetstream.mail
        self.events = self.jetstream.events
        self.registry = self.jetstream.registry(self.subjects.cluster_bucket)

    async def connect(self) -> JetStream:
        """A new connection through a relay of its own."""
        relay = await self._stack.enter_async_context(Relay(self._url))
        settings = Settings(_env_file=None, namespace=self.namespace, nats=relay.url)
        jetstream = await self._stack.enter_async_context(open_jetstream(settings, name="test"))
        self._relays[id(jetstream.bus)] = relay
        return jetstream

    def relay(self, bus: Bus) -> Relay:
        return self._relays[id(bus)]

    async def bus(self) -> Bus:
        return (await self.connect()).bus

    async def make_kind(self, kind: str, partitions: int) -> None:
        await self.jetstream.ensure_kind(kind, partitions)

    async def trim_events(self, *, before: int) -> None:
        everything = self.subjects.event("*", "*", "*")
        await purge(self.jetstream.connection, self.subjects.events_stream, everything, before=before)

    async def cut(self, bus: Bus) -> None:
        self.relay(bus).cut()
        await eventually(lambda: not bus.connected)

    async def restore(self, bus: Bus) -> None:
        back = asyncio.Event()
        bus.on_reconnect(back.set)
        self.relay(bus).restore()
        async with asyncio.timeout(10):
            await back.wait()
        # The server has its subscriptions again once it has answered to what was sent behind them.
        await bus.subscribe("restored", lambda _: None)

    async def elapse(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def delete_consumer(jetstream: JetStream, stream: str) -> None:
    """Take the only consumer of a stream away from its reader, who is waiting for messages."""
    async with asyncio.timeout(10):
        while True:
            consumers = (await api(jetstream.connection, f"CONSUMER.LIST.{stream}"))["consumers"]
            if len(consumers) == 1 and consumers[0]["num_waiting"]:
                break
            await asyncio.sleep(0.005)
    await api(jetstream.connection, f"CONSUMER.DELETE.{stream}.{consumers[0]['name']}")


@contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """A server in the background; gives its URL."""
    with in_background(NatsServer(folder)) as server:
        yield server.url


@asynccontextmanager
async def jetstream_world(url: str) -> AsyncIterator[JetStreamWorld]:
    """A world in a namespace of its own on the server at ``url``; its streams are removed at the end."""
    async with AsyncExitStack() as stack:
        world = JetStreamWorld(url, stack)
        await world.start()
        yield world
