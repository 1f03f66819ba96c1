"""Servers for tests: one NATS and one store for all tests of a test process, or servers of a test's own that it may kill."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from natya_ops.servers.base import Server

S = TypeVar("S", bound=Server)


@contextmanager
def in_background(server: S) -> Generator[S]:
    """Run ``server`` on an event loop in a thread of its own, so that it outlives the loops of single tests.

    A server ends with the thread that started it, so the thread stays until the server has been stopped.
    """
    ready: concurrent.futures.Future[asyncio.Event] = concurrent.futures.Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with server:
            ready.set_result(stop)
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=run, name=f"{server.name} for tests")
    thread.start()
    try:
        stop = ready.result()
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()
        loop.close()
