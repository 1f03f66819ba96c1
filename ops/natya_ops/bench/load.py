"""The load generator: plain nats-py requests, the same code whoever answers them.

``python -m natya_ops.bench.load`` takes `Work` at the server that NATYA_NATS names, one piece at a time, until it is ended. Work and
reports go over a connection of their own, so that the one under load carries nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final

import nats
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from natya_ops.bench import web
from natya_ops.bench.work import SUBJECT, Done, Work

ERROR_CODE: Final = "Nats-Service-Error-Code"
ERROR: Final = "Nats-Service-Error"


async def carry_out(connection: Client, work: Work) -> Done:
    """Send the requests and wait for the last reply."""
    if work.subject.startswith("http:"):
        return await (web.flood(work) if work.rate else web.carry_out(work, _more(work, time.perf_counter())))
    request, clock = connection.request, time.perf_counter
    body = work.body.encode()
    subjects = itertools.cycle([work.subject.replace("{}", key) for key in work.keys])
    latencies: list[float] = []
    failures: list[str] = []
    headers = _headers() if work.ids else itertools.repeat(None)
    began = clock()
    more = _more(work, began)

    async def call() -> None:
        while more():
            subject = next(subjects)
            sent = clock()
            try:
                reply = await request(subject, body, timeout=work.timeout, headers=next(headers))
            except (Error, TimeoutError) as error:
                failures.append(f"{subject}: {error or type(error).__name__}")
                continue
            if reply.headers and ERROR_CODE in reply.headers:
                failures.append(f"{subject}: {reply.headers[ERROR_CODE]} {reply.headers.get(ERROR)}")
            else:
                latencies.append(clock() - sent)

    async with asyncio.TaskGroup() as callers:
        for _ in range(work.callers):
            callers.create_task(call())
    return Done.of(clock() - began, latencies, failures)


def _more(work: Work, began: float) -> Callable[[], bool]:
    """Whether another request may be sent; to be asked once for each."""
    if work.requests is not None:
        left = iter(range(work.requests))
        return lambda: next(left, None) is not None
    end = began + work.seconds
    return lambda: time.perf_counter() < end


def _headers() -> Iterator[dict[str, str]]:
    """The headers of first attempts, each with an id of its own."""
    run = secrets.token_hex(4)
    for number in itertools.count():
        yield {"Natya-Id": f"{run}-{number}", "Natya-Sent": str(int(time.time() * 1000))}


async def serve(url: str) -> None:
    """Take work until cancelled."""
    control = await nats.connect(url, name="natya bench control")
    connection = await nats.connect(url, name="natya bench load")

    async def work(message: Msg) -> None:
        done = await carry_out(connection, Work.decode(message.data))
        await control.publish(message.reply, done.encode())

    await control.subscribe(SUBJECT, cb=work)
    await control.flush()
    gc.freeze()
    print(json.dumps({"event": "ready"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(os.environ["NATYA_NATS"]))
