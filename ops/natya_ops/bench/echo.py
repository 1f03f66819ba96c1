"""The baseline: what a plain nats-py program answers that does nothing but send back what came.

``python -m natya_ops.bench.echo`` serves ``bench.echo.>``, and the calls of a kind ``echo``, at the server that NATYA_NATS names, until it is
ended.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Final

import nats
import uvloop
from nats.aio.msg import Msg

SUBJECTS: Final = ("bench.echo.>", "natya.call.echo.>")


async def serve(url: str) -> None:
    """Echo until cancelled."""
    connection = await nats.connect(url, name="natya bench echo")

    async def echo(message: Msg) -> None:
        await connection.publish(message.reply, message.data)

    for subject in SUBJECTS:
        await connection.subscribe(subject, cb=echo)
    await connection.flush()
    print(json.dumps({"event": "ready"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(os.environ["NATYA_NATS"]))
