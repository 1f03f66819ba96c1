"""Restart the worker that has an actor the polite way, as a rolling update does.

SIGTERM: it hands its partitions to the others, finishes what runs, answers, and leaves. ``natya up`` then starts it again, and
the partitions spread evenly once more: the account moves twice, and its callers should hardly notice.
"""

import asyncio
import signal

from outside import Caller, Up, run


async def drain_worker(up: Up) -> Caller:
    async with up.caller() as caller:
        worker = await up.owner(caller.key)
        pid = up.send(worker, signal.SIGTERM)
        while up.pid(worker) == pid:
            await asyncio.sleep(0.05)
        print(f"{worker} runs again (pid {up.pid(worker)}), the account is now at {await up.owner(caller.key)}")
    return caller


if __name__ == "__main__":
    run(drain_worker, within=2.0)
