"""Kill the NATS server. ``natya up`` starts it again.

Meanwhile nobody reaches anybody, and no worker answers anything, since none can know whether it still has its partitions. All
connect again by themselves, prove their leases and go on. What NATS had acknowledged is on its disk.
"""

import asyncio
import signal
import time

from outside import Caller, Up, run


async def restart_nats(up: Up) -> Caller:
    async with up.caller() as caller:
        host, _, port = up.servers["nats"].rpartition("/")[2].partition(":")
        up.send("nats", signal.SIGKILL)
        began = time.monotonic()
        while not await listens(host, int(port)):
            await asyncio.sleep(0.02)
        print(f"NATS is back after {time.monotonic() - began:.3f} s")
    return caller


async def listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


if __name__ == "__main__":
    run(restart_nats, within=5.0)
