"""Kill the worker that has an actor, and see what callers of that actor notice.

kill -9: the process has no time to say anything. Others find that nobody listens in its place, take over its partitions, fence
its journals and go on from there. Callers repeat what was not answered; what had been done is not done again.
"""

import signal

from outside import Caller, Up, run


async def kill_worker(up: Up) -> Caller:
    async with up.caller() as caller:
        up.send(await up.owner(caller.key), signal.SIGKILL)
    return caller


if __name__ == "__main__":
    run(kill_worker, within=3.0)
