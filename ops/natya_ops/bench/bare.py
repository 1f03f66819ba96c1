"""The other baseline of the edge: what aiohttp does by itself, a route, a body read and parsed, a small answer.

``python -m natya_ops.bench.bare`` serves the port that BARE_PORT names, until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import os

import orjson
import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """What a command's answer looks like."""
    amount = orjson.loads(await request.read())["amount"]
    return web.Response(body=orjson.dumps({"balance": amount}), content_type="application/json")


async def serve(port: int) -> None:
    """Serve until cancelled."""
    app = web.Application()
    app.router.add_post("/v1/actors/{kind}/{key}/{method}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(json.dumps({"event": "ready"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
        run.run(serve(int(os.environ["BARE_PORT"])))
