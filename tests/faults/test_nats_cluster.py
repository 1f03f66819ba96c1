"""Three NATS servers: lose any one of them, or the way between two, and nothing acknowledged is lost or done twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from natya_ops.chaos.proxy import Proxy, Trouble
from natya_ops.servers import NatsServer
from support.bare_client import Bare, bare_client, new_id
from support.load import PARTITIONS, Load
from support.nats_cluster import Trio, cut, cuttable, lead, leader
from support.waiting import until

JOURNALS = [f"natya_journal_ledger_{number}" for number in range(PARTITIONS)]
STREAMS = [*JOURNALS, "natya_mail_ledger", "KV_natya_cluster"]
PAUSE = 0.2
"""Between two calls of one caller: a ledger grows with each, and the whole ledger is in each record."""

ELECTION = 4.0
"""Seconds that nobody is elected in: a group waits that long before it believes that its leader is gone."""

AFTER_ELECTION = 6.0
"""Seconds that may pass from the last election to the last answer: what a consumer costs to be made anew, on a busy machine."""


async def victims(cluster: Trio, bare: Bare) -> AsyncIterator[tuple[str, NatsServer]]:
    """Whichever leads JetStream itself, then whichever leads a journal, then all that were not named yet."""
    left = set(cluster.servers)
    server = await cluster.meta_leader()
    left.discard(server)
    yield "leads JetStream", server
    server = cluster.server(await until(lambda: leader(bare, JOURNALS[0])))
    left.discard(server)
    yield "leads a journal", server
    for server in left:
        yield "is left", server


async def tells_arrive(bare: Bare, entry: str) -> None:
    """Tell in every partition, and wait until it is done: mail is read by consumers, which live on one server each."""

    async def tell(key: str) -> None:
        await bare.insist_on_telling("ledger", key, "enter", {"entry": entry}, id=entry)

        async def entries() -> list[str]:
            found: list[str] = (await bare.insist("ledger", key, "entries")).result
            return found

        await until(entries, lambda found: entry in found, limit=40)

    async with asyncio.TaskGroup() as tasks:
        for number in range(2 * PARTITIONS):
            tasks.create_task(tell(f"told-{number}"))


@pytest.mark.slow
async def test_each_of_three_servers_may_be_lost_under_load(tmp_path: Path) -> None:
    """A server is lost only when the others are up to date: two copies of three must be there."""
    loop = asyncio.get_running_loop()
    async with (
        Trio(tmp_path) as cluster,
        bare_client(cluster.urls[0]) as bare,
        Load(bare, "trio", pause=PAUSE) as load,
    ):
        await load.progress()
        killed = set()
        async for why, server in victims(cluster, bare):
            killed.add(server)
            await cluster.current()
            led = [stream for stream in STREAMS if await leader(bare, stream) == server.server_name]
            began = loop.time()

            async def since(work: Awaitable[object], began: float = began) -> float:
                await work
                return loop.time() - began

            def elected(stream: str, server: NatsServer = server) -> Awaitable[object]:
                return until(lambda: leader(bare, stream), lambda name: name not in ("", server.server_name), limit=60)

            await server.kill()
            elections, asks, tells = await asyncio.gather(
                asyncio.gather(*(since(elected(stream)) for stream in led)),
                since(load.progress(limit=60)),
                since(tells_arrive(bare, new_id())),
            )
            await server.start()
            election = max(elections, default=0.0)
            print(
                f"{server.server_name} ({why}, led {len(led)} of {len(STREAMS)} streams) killed: last election {election:.1f} s, "
                f"asks of every key {asks:.1f} s, tells in every partition {tells:.1f} s; "
                f"up to date {await since(cluster.current(), loop.time()):.1f} s after its start"
            )
            assert asks < election + AFTER_ELECTION
            assert led == [] or tells < election + 2 * AFTER_ELECTION
            await load.progress()
        assert killed == set(cluster.servers)
        await load.finish()
        print(load)
        await cluster.current()
        await load.check()


@pytest.mark.slow
async def test_a_server_that_is_told_to_end_makes_nobody_wait_for_an_election(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with (
        Trio(tmp_path) as cluster,
        bare_client(cluster.urls[0]) as bare,
        Load(bare, "told", pause=PAUSE) as load,
    ):
        await load.progress()
        await cluster.current()
        server = cluster.server(await until(lambda: leader(bare, JOURNALS[0])))
        began = loop.time()
        server.process.signal(signal.SIGTERM)
        await load.progress()
        took = loop.time() - began
        assert await server.wait() == 0
        await server.start()
        await load.finish()
        print(f"every key was answered {took:.1f} s after the signal; {load}")
        assert took < ELECTION
        await cluster.current()
        await load.check()


async def owners(bare: Bare) -> dict[str, bytes]:
    """Who owns each partition of two kinds, and in which epoch."""
    bucket = await bare.js.key_value("natya_cluster")
    keys = [f"owner.{kind}.{number}" for kind in ("ledger", "counter") for number in range(PARTITIONS)]
    return {key: (await bucket.get(key)).value or b"" for key in keys}


@pytest.mark.slow
async def test_a_short_cut_between_two_servers_evicts_nobody(tmp_path: Path) -> None:
    """Across the cut *no responders* comes at once from owners that are alive and well: it must not cost them anything."""
    async with (
        cuttable(tmp_path) as (servers, proxy),
        Trio(tmp_path, servers=servers, spread=True) as cluster,
        bare_client(cluster.urls[2]) as bare,
    ):
        for stream in STREAMS:
            await lead(bare, stream, servers[2].server_name)  # who can be reached from both sides of the cut
        async with Load(bare, "short", pause=PAUSE) as load:
            await load.progress()
            before = await owners(bare)
            async with cut(servers[0], servers[1], proxy.reset()):
                await asyncio.sleep(1.5)
            await load.progress()
            assert await owners(bare) == before
            await load.finish()
            print(load)
            await cluster.current()
            await load.check()


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [Proxy.reset, Proxy.black_hole], ids=["refused", "silent"])
async def test_a_cut_between_two_servers_doubles_nothing_and_heals(
    tmp_path: Path, trouble: Callable[[Proxy], Trouble]
) -> None:
    loop = asyncio.get_running_loop()
    async with (
        cuttable(tmp_path) as (servers, proxy),
        Trio(tmp_path, servers=servers, spread=True) as cluster,
        bare_client(cluster.urls[0]) as bare,
        bare_client(cluster.urls[1]) as other,
        Load(bare, "here", keys=6, pause=PAUSE) as load,
        Load(other, "there", keys=6, pause=PAUSE) as load_there,
    ):
        await load.progress()
        async with cut(servers[0], servers[1], trouble(proxy)):
            await asyncio.sleep(5)
        healed = loop.time()
        await asyncio.gather(load.progress(limit=60), load_there.progress(limit=60))
        print(f"everybody was answered {loop.time() - healed:.1f} s after the way was there again")
        await cluster.current()
        for one_load in (load, load_there):
            await one_load.finish()
            print(one_load)
            await one_load.check()
