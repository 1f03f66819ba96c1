"""The stock ``nats`` command line against the platform: nothing else is needed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from support.bare_client import Bare, now, partition_of
from support.cluster import Cluster
from support.waiting import until

HOME = Path.home() / "go" / "bin" / "nats"
NATS = shutil.which("nats") or (str(HOME) if HOME.exists() else None)

pytestmark = pytest.mark.skipif(NATS is None, reason="the nats command line is not installed")


async def start(cluster: Cluster, *arguments: str) -> asyncio.subprocess.Process:
    assert NATS is not None
    return await asyncio.create_subprocess_exec(
        NATS, "--server", cluster.nats.url, *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NATS_CONTEXT": "", "XDG_CONFIG_HOME": str(cluster.nats.data)},
    )  # fmt: skip


async def nats(cluster: Cluster, *arguments: str) -> str:
    """What the command prints."""
    process = await start(cluster, *arguments)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode().strip()


async def on_a_terminal(cluster: Cluster, *arguments: str, wanted: str) -> str:
    """What an interactive command shows until it has shown ``wanted``."""
    assert NATS is not None
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        NATS, "--server", cluster.nats.url, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    try:
        async with asyncio.timeout(60):
            while wanted not in shown:
                shown += (await asyncio.to_thread(os.read, ours, 65_536)).decode(errors="replace")
    except OSError:  # it has ended
        pass
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)
    return shown


async def test_nats_req_asks_an_actor(cluster: Cluster, key: str) -> None:
    subject = f"natya.ask.account.{key}.deposit"
    assert await nats(cluster, "req", "--raw", subject, '{"amount":5}') == '{"balance":5}'
    assert await nats(cluster, "req", "--raw", f"natya.ask.account.{key}.balance", "") == '{"balance":5}'


async def test_nats_req_shows_the_error_in_headers_and_body(cluster: Cluster, key: str) -> None:
    output = await nats(cluster, "req", f"natya.ask.account.{key}.withdraw", '{"amount":5}')
    assert "Nats-Service-Error-Code: 409" in output
    assert "Nats-Service-Error: insufficient_funds" in output
    assert '"code":"insufficient_funds"' in output


async def test_nats_req_with_an_id_takes_effect_once(cluster: Cluster, bare: Bare, key: str) -> None:
    arguments = ("-H", "Natya-Id:cli-1", "-H", f"Natya-Sent:{now()}")
    for _ in range(2):
        output = await nats(cluster, "req", "--raw", *arguments, f"natya.ask.account.{key}.deposit", '{"amount":5}')
        assert output == '{"balance":5}'
    assert (await bare.ask("account", key, "balance")).result == {"balance": 5}


async def test_nats_pub_tells_an_actor_and_nats_req_shows_the_streams_ack(cluster: Cluster, bare: Bare, key: str) -> None:
    await nats(cluster, "pub", f"natya.tell.account.{key}.deposit", '{"amount":5}')
    ack = json.loads(await nats(cluster, "req", "--raw", f"natya.tell.account.{key}.deposit", '{"amount":5}'))
    assert ack["stream"] == "natya_mail_account"

    async def balance() -> int:
        found: int = (await bare.ask("account", key, "balance")).result["balance"]
        return found

    assert await until(balance, lambda found: found == 10) == 10


async def test_nats_sub_tails_the_events(cluster: Cluster, bare: Bare, key: str) -> None:
    listener = await start(cluster, "sub", "--count", "1", f"natya.event.inbox.{key}.>")
    try:
        assert listener.stdout is not None
        heard = asyncio.create_task(listener.communicate())
        while not heard.done():  # until it listens, events pass it by
            await bare.ask("inbox", key, "deliver", {"text": "hello"})
            await asyncio.wait([heard], timeout=0.1)
        output, _ = await heard
    finally:
        if listener.returncode is None:
            listener.kill()
            await listener.wait()
    assert f"natya.event.inbox.{key}.delivered" in output.decode()
    assert '"text":"hello"' in output.decode()


async def test_nats_stream_view_reads_the_journal(cluster: Cluster, bare: Bare, key: str) -> None:
    await bare.ask("account", key, "deposit", {"amount": 5})
    number = partition_of(key, 16)
    (sequence,) = [r["sequence"] for r in await bare.records("account", number) if key in r.get("states", {})]
    stream = f"natya_journal_account_{number % 4}"
    state = f'"{key}":{{"balance":5}}'
    assert state in await on_a_terminal(cluster, "stream", "view", stream, "10", "--id", str(sequence), wanted=state)
    assert state in await nats(cluster, "stream", "get", stream, str(sequence))


async def test_nats_kv_shows_the_members_and_the_kinds(cluster: Cluster) -> None:
    members = await nats(cluster, "kv", "ls", "natya_cluster")
    assert members.count("member.worker-") == 2
    manifest = json.loads(await nats(cluster, "kv", "get", "--raw", "natya_kinds", "account"))
    assert sorted(manifest["methods"]) == ["balance", "deposit", "withdraw"]


async def test_nats_service_lists_the_nodes(cluster: Cluster) -> None:
    assert "natya" in await nats(cluster, "service", "ls")
