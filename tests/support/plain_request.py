"""``nats req`` and ``nats pub`` for machines without the stock command line: the same subjects, through bare nats-py."""

from __future__ import annotations

import asyncio
import os
import sys

import nats


async def main(verb: str, subject: str, body: str) -> None:
    client = await nats.connect(os.environ["NATS_URL"])
    if verb == "req":
        print((await client.request(subject, body.encode(), timeout=10)).data.decode())
    else:
        await client.publish(subject, body.encode())
        await client.flush()
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
