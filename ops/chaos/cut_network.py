"""Cut the network of a worker: packets vanish, and neither end hears anything.

A worker of our own joins the platform through a small proxy, and gets its share of the partitions. Then the proxy stops passing
anything on, without closing a connection, for longer than a lease lasts. The worker cannot renew its lease and stops answering;
the others take over when it has run out. When packets pass again, the worker joins anew.
"""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outside import Caller, Up, run

CUT = 6.0
NAME = "worker-behind-a-proxy"


class Proxy:
    """Passes bytes on while ``passable`` is set."""

    def __init__(self, target: str) -> None:
        self.host, _, self.port = target.rpartition("/")[2].partition(":")
        self.passable = asyncio.Event()
        self.passable.set()

    async def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self.passable.wait()
        far_reader, far_writer = await asyncio.open_connection(self.host, int(self.port))
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer), return_exceptions=True)

    async def pump(self, source: StreamReader, sink: StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self.passable.wait()
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()


@asynccontextmanager
async def worker(up: Up, nats: str) -> AsyncIterator[None]:
    """One more worker, until it is told to end: then it drains."""
    settings = {"NATYA_NATS": nats, "NATYA_STORE": up.servers["store"], "NATYA_NODE": NAME}
    command = (sys.executable, "-m", "natya_ops", "worker")
    with (up.data / "logs" / f"{NAME}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **settings}, stdout=PIPE, stderr=log)
    try:
        assert process.stdout is not None
        await process.stdout.readline()  # it says that it is ready
        yield
    finally:
        process.terminate()
        await process.wait()


async def cut_network(up: Up) -> Caller:
    proxy = Proxy(up.servers["nats"])
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    async with server, worker(up, f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"):
        number = 0
        while await up.owner(f"chaos-{os.getpid()}-{number}") != NAME:  # until it has been given a share
            number = (number + 1) % 64
            await asyncio.sleep(0.02)
        async with up.caller(f"chaos-{os.getpid()}-{number}") as caller:
            print(f"cutting off {NAME} for {CUT:g} s")
            proxy.passable.clear()
            await asyncio.sleep(CUT)
            print(f"the account has moved to {await up.owner(caller.key)}")
            proxy.passable.set()
            async with asyncio.timeout(60):
                while await up.owner(caller.key) != NAME:
                    await asyncio.sleep(0.05)
            print(f"{NAME} has joined again, and has the account back")
    return caller


if __name__ == "__main__":
    run(cut_network, within=4.5)
