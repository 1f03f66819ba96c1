"""Stop the worker that has an actor for longer than its lease, and let it go on as if nothing had happened.

A stopped process still has its connections, so nobody can tell it from a slow one: the others wait for its lease (3 s) to run
out. When it wakes it believes for a moment to be the owner. It must not answer from the past, and its journal refuses it.
"""

import asyncio
import signal

from outside import Caller, Up, run

PAUSE = 6.0


async def pause_worker(up: Up) -> Caller:
    async with up.caller() as caller:
        worker = await up.owner(caller.key)
        pid = up.send(worker, signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        if up.pid(worker) == pid:
            up.send(worker, signal.SIGCONT)
        print(f"the account has moved from {worker} to {await up.owner(caller.key)}")
    return caller


if __name__ == "__main__":
    run(pause_worker, within=4.5)
