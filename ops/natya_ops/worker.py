"""The process of a worker: one node that hosts the actors of one application."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import uvloop

from natya.settings import Settings
from natya_ops.applications import load

if TYPE_CHECKING:
    from natya.manifest import Definition


def run(app: str, settings: Settings) -> None:
    """Host the actors of the module ``app`` until SIGTERM or SIGINT, then drain. A second signal ends the process at once.

    One line ``{"event": "ready", "node": …, "pid": …}`` on standard output says that the node serves. Raises
    `ConfigurationError` if it cannot.
    """
    definitions = load(app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, definitions))


async def _serve(settings: Settings, definitions: list[Definition]) -> None:
    from natya.node import run_node

    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    def announce() -> None:
        print(json.dumps({"event": "ready", "node": settings.node, "pid": os.getpid()}), flush=True)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await run_node(settings, definitions, ready=announce, stop=stop)
