"""Who may do what at a NATS server with the configuration that ships: everybody's own, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nats
import orjson
import pytest
from nats.aio.client import Client
from nats.errors import Error, NoRespondersError, TimeoutError

from natya.client import open_platform
from natya.errors import ConfigurationError, DeadlineExceeded
from natya.jetstream import connect
from natya_actors import Account, Greeter
from natya_ops.servers import StoreServer
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import Process
from support.compose_nats import PASSWORDS, ComposeNats
from support.waiting import until

USERS = ("node", "edge", "operator", "guest")


@dataclass
class User:
    """A stock connection, and what the server has refused to it, in lower case."""

    client: Client
    refused: list[str] = field(default_factory=list)

    async def may_publish(self, subject: str) -> bool:
        """Whether the server takes what is published there."""
        return await self._allowed(self.client.publish(subject, b"{}"), f'publish to "{subject.lower()}"')

    async def may_subscribe(self, subject: str) -> bool:
        subscription = await self.client.subscribe(subject)
        allowed = await self._allowed(self.client.flush(), f'subscription to "{subject.lower()}"')
        if allowed:
            await subscription.unsubscribe()
        return allowed

    async def _allowed(self, work: object, refusal: str) -> bool:
        await work  # type: ignore[misc]
        for _ in range(2):  # the first PING may overtake what was written before it
            await self.client.flush()
        await asyncio.sleep(0)
        return not any(refusal in text for text in self.refused)


@asynccontextmanager
async def user(server: ComposeNats, name: str) -> AsyncIterator[User]:
    made: User | None = None

    async def on_error(error: Exception) -> None:
        assert made is not None
        made.refused.append(str(error).lower())

    prefix = "_INBOX" if name == "operator" else f"_INBOX_{name}"
    client = await nats.connect(
        server.url,
        user=name,
        password=PASSWORDS[f"NATYA_{name.upper()}_PASSWORD"],
        tls=ssl.create_default_context(cafile=server.ca),
        inbox_prefix=prefix,
        error_cb=on_error,
        allow_reconnect=False,
    )
    made = User(client)
    try:
        yield made
    finally:
        await client.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ComposeNats]:
    async with ComposeNats(tmp_path / "nats") as started:
        yield started


PUBLISH = {
    "natya.call.account.1.alice.deposit": {"node", "edge"},
    "natya.call.account.1.alice.state": {"node", "edge", "operator"},
    "natya.ask.account.alice.deposit": {"node", "operator"},
    "natya.ask.greeter.alice.greet": {"node", "operator", "guest"},
    "natya.tell.account.alice.deposit": {"node", "edge", "operator"},
    "natya.tell.inbox.alice.deliver": {"node", "edge", "operator", "guest"},
    "natya.mail.account.1.alice.deposit": {"node"},
    "natya.journal.account.1": {"node"},
    "natya.timer.account.alice.x": {"node"},
    "natya.event.account.alice.x": {"node"},
    "natya.dead.account.alice.deposit": {"node"},
    "natya.node.someone.take": {"node"},
    "natya.edge.used": {"node", "edge"},
    "$KV.natya_cluster.owner.account.1": {"node"},
    "$KV.natya_kinds.account": {"node"},
    "$JS.API.STREAM.DELETE.natya_journal_account_0": {"node"},
    "$JS.API.STREAM.PURGE.natya_journal_account_0": {"node"},
    "$JS.API.STREAM.UPDATE.natya_mail_account": {"node"},
    "$JS.API.STREAM.CREATE.mine": {"node"},
    "$JS.API.STREAM.MSG.GET.natya_journal_account_0": {"node", "operator"},
    "$JS.API.STREAM.MSG.GET.KV_natya_cluster": {"node", "edge", "operator"},
    "$JS.API.STREAM.MSG.GET.natya_events": {"node", "edge", "operator"},
    "$JS.API.CONSUMER.CREATE.natya_mail_account.x": {"node", "operator"},
    "$JS.API.CONSUMER.CREATE.KV_natya_cluster.x": {"node", "operator"},
    "_INBOX_edge.someone.else": {"node"},
    "_INBOX.someone.else": {"node"},
    "anything.else": {"node"},
}
SUBSCRIBE = {
    "natya.call.>": {"node"},
    "natya.ask.>": {"node"},
    "natya.node.>": {"node"},
    "natya.journal.>": {"node"},
    "natya.event.>": {"node", "edge", "operator"},
    "natya.edge.>": {"node", "edge"},
    "natya.dead.>": {"node", "operator"},
    "_INBOX.>": {"operator"},
    "_INBOX_node.>": {"node"},
    "_INBOX_edge.>": {"edge"},
    "_INBOX_guest.>": {"guest"},
    ">": set[str](),
}


async def test_each_user_publishes_and_hears_what_is_its_own_and_nothing_else(server: ComposeNats) -> None:
    for name in USERS:
        async with user(server, name) as one:
            published = {subject for subject in PUBLISH if await one.may_publish(subject)}
            assert published == {subject for subject, users in PUBLISH.items() if name in users}, name
            heard = {subject for subject in SUBSCRIBE if await one.may_subscribe(subject)}
            assert heard == {subject for subject, users in SUBSCRIBE.items() if name in users}, name


async def test_nobody_comes_in_without_a_password_or_without_encryption(server: ComposeNats) -> None:
    async def quiet(_: Exception) -> None: ...

    context = ssl.create_default_context(cafile=server.ca)
    for credentials in ({}, {"user": "node", "password": "guess"}, {"user": "root", "password": ""}):
        with pytest.raises(Error):
            await nats.connect(server.url, tls=context, allow_reconnect=False, error_cb=quiet, **credentials)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        info = orjson.loads((await reader.readline()).removeprefix(b"INFO "))
        assert info["tls_required"]
        writer.write(b'CONNECT {"user":"node","pass":"secret-of-node"}\r\nPING\r\n')
        assert b"PONG" not in await reader.read()
    finally:
        writer.close()


async def test_our_connections_trust_only_the_authority_that_they_are_given(server: ComposeNats) -> None:
    given = {"name": "test", "user": "node", "password": PASSWORDS["NATYA_NODE_PASSWORD"]}
    connection = await connect(server.url, ca=server.ca, **given)  # type: ignore[arg-type]
    assert connection.connected
    await connection.close()
    with pytest.raises(ConfigurationError, match=r"cannot be trusted: .*NATYA_NATS_CA"):
        await connect(server.url, **given)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"NATYA_NATS_CA: .* cannot be read"):
        await connect(server.url, ca=Path("/nowhere/ca.pem"), **given)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="use tls:// for all"):
        await connect(server.url.replace("tls", "nats"), ca=server.ca, **given)  # type: ignore[arg-type]


async def test_a_server_that_does_not_encrypt_gets_no_password(server: ComposeNats) -> None:
    """Somebody in between may take the demand for TLS out of the greeting."""
    heard = asyncio.Queue[bytes]()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576}\r\n')
        heard.put_nowait(await reader.read(1_000))
        writer.close()

    async with await asyncio.start_server(greet, HOST, 0) as false:
        port = false.sockets[0].getsockname()[1]
        with pytest.raises(ConfigurationError, match="does not offer TLS"):
            await connect(f"tls://{HOST}:{port}", name="test", user="node", password="secret", ca=server.ca, limit=1.0)
        assert await asyncio.wait_for(heard.get(), 5) == b""


@asynccontextmanager
async def _platform(server: ComposeNats, store: StoreServer, folder: Path) -> AsyncIterator[None]:
    """A worker and an edge that are the users that ship."""
    shared = {"NATYA_NATS": server.url, "NATYA_NATS_CA": str(server.ca), "NATYA_STORE": store.url}
    async with AsyncExitStack() as stack:
        for name, user, more in (
            ("worker", "node", ["--app", "natya_actors"]),
            ("edge", "edge", []),
        ):
            port = free_port()
            environment = {
                **shared,
                "NATYA_NATS_USER": user,
                "NATYA_NATS_PASSWORD": PASSWORDS[f"NATYA_{user.upper()}_PASSWORD"],
                **({"NATYA_METRICS_PORT": str(port)} if name == "worker" else {"NATYA_EDGE_PORT": str(port)}),
                "NATYA_EDGE_HS256": "true",
                "NATYA_EDGE_SECRET": "0123456789abcdef0123456789abcdef",
            }
            log = folder / f"{name}.log"
            process = await Process.spawn([sys.executable, "-m", "natya_ops", name, *more], log=log, env=environment)
            stack.push_async_callback(process.stop, 30.0)
            await until(partial(_ready, port), limit=60)
            assert process.running
        yield
        for name in ("worker", "edge"):
            assert "ermissions" not in (folder / f"{name}.log").read_text()


async def _ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        line = await reader.readline()
        writer.close()
    except OSError:
        return False
    return b" 200 " in line


@pytest.mark.slow
async def test_the_platform_works_with_the_users_and_the_encryption_that_ship(
    server: ComposeNats, store_server: StoreServer, tmp_path: Path
) -> None:
    async with _platform(server, store_server, tmp_path):
        async with open_platform(server.settings("operator", calls="router"), name="test") as platform:
            alice = platform.actor(Account, "alice", timeout=20)
            assert (await alice.deposit(amount=5)).balance == 5
            await alice.deposit.tell(amount=2)
            await until(alice.balance, lambda found: found.balance == 7)
            assert (await platform.state("account", "alice"))["state"] == {"balance": 7}
        async with open_platform(
            server.settings("guest", calls="router", nats_inbox="_INBOX_guest"), name="test"
        ) as platform:
            assert (await platform.actor(Greeter, "Ann", timeout=20).greet()).text == "Hello, Ann!"
            with pytest.raises(DeadlineExceeded):
                await platform.actor(Account, "alice", timeout=1).deposit(amount=5)
        async with user(server, "guest") as guest:
            reply = await guest.client.request("natya.ask.greeter.Ann.greet", b"{}", timeout=20)
            assert orjson.loads(reply.data) == {"text": "Hello, Ann!"}
            with pytest.raises((TimeoutError, NoRespondersError)):
                await guest.client.request("natya.ask.account.alice.balance", b"", timeout=0.5)
