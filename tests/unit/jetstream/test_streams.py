"""Making and checking streams: safe at once from many nodes, clear where the world does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from natya.errors import ConfigurationError
from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.requests import api
from natya.settings import Settings
from natya_ops.servers import NatsServer
from support.fake_nats import FakeNats
from support.jetstream_world import ConfiguredServer


@asynccontextmanager
async def as_account(server: NatsServer) -> AsyncIterator[JetStream]:
    """A connection as user ``a`` of a server with accounts."""
    settings = Settings(_env_file=None, nats=server.url, nats_user="a", nats_password=SecretStr("a"))
    async with open_jetstream(settings, name="test") as jetstream:
        yield jetstream


async def config(jetstream: JetStream, stream: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api(jetstream.connection, f"STREAM.INFO.{stream}"))["config"]
    return found


async def names(jetstream: JetStream) -> set[str]:
    return set((await api(jetstream.connection, "STREAM.NAMES"))["streams"])


async def test_the_streams_of_the_platform_and_of_a_kind_are_made(own: JetStream) -> None:
    await own.ensure_kind("account", 16)
    journals = {f"natya_journal_account_{n}" for n in range(4)}
    shared = {"natya_events", "natya_dead", "KV_natya_cluster", "KV_natya_kinds"}
    assert await names(own) == shared | journals | {"natya_mail_account"}
    mail = await config(own, "natya_mail_account")
    assert mail["subjects"] == ["natya.tell.account.*.*"]
    assert mail["subject_transform"]["dest"] == "natya.mail.account.{{partition(16,1)}}.{{wildcard(1)}}.{{wildcard(2)}}"
    assert (mail["storage"], mail["retention"], mail["max_age"], mail["max_bytes"]) == ("file", "limits", 0, -1)
    assert mail["duplicate_window"] == 120 * 10**9
    subjects = [subject for stream in sorted(journals) for subject in (await config(own, stream))["subjects"]]
    assert sorted(subjects) == sorted(f"natya.journal.account.{n}" for n in range(16))
    assert (await config(own, "natya_journal_account_3"))["subjects"] == [
        f"natya.journal.account.{n}" for n in (3, 7, 11, 15)
    ]


async def test_a_kind_with_fewer_partitions_than_streams_has_fewer_streams(own: JetStream) -> None:
    await own.ensure_kind("small", 2)
    assert {name for name in await names(own) if "journal" in name} == {"natya_journal_small_0", "natya_journal_small_1"}
    assert await own.journal.append("small", 1, b"x", expected=0) == 1


async def test_many_nodes_may_make_them_at_once_and_again(nats_server: NatsServer) -> None:
    async def start(n: int) -> None:
        async with open_jetstream(Settings(_env_file=None, nats=nats_server.url), name=f"node {n}") as jetstream:
            await jetstream.ensure_platform()
            await jetstream.ensure_kind("account", 8)
            await jetstream.ensure_kind("account", 8)

    await asyncio.gather(*(start(n) for n in range(6)))


async def test_another_partition_count_is_refused_with_both_counts(own: JetStream) -> None:
    await own.ensure_kind("account", 16)
    with pytest.raises(ConfigurationError, match=r"'account' has 16 partitions.*wants 8.*Start it with 16"):
        await own.ensure_kind("account", 8)
    await own.ensure_kind("account", 16)


async def test_what_could_lose_mail_is_put_right_and_an_operators_quota_is_left(own: JetStream) -> None:
    await own.ensure_kind("account", 1)
    found = await config(own, "natya_mail_account")
    wrong = {"max_age": 10**10, "discard": "old", "max_bytes": 10**6, "description": "ours", "duplicate_window": 10**9}
    await api(own.connection, "STREAM.UPDATE.natya_mail_account", found | wrong)
    await own.ensure_kind("account", 1)
    mended = await config(own, "natya_mail_account")
    assert (mended["max_age"], mended["discard"]) == (0, "new")
    assert (mended["max_bytes"], mended["description"], mended["duplicate_window"]) == (10**6, "ours", 10**9)


async def test_how_long_events_are_kept_is_the_operators_choice(own: JetStream) -> None:
    found = await config(own, "natya_events")
    await api(own.connection, "STREAM.UPDATE.natya_events", found | {"max_age": 3_600 * 10**9})
    await own.ensure_platform()
    assert (await config(own, "natya_events"))["max_age"] == 3_600 * 10**9


async def test_a_journal_stream_made_by_something_else_is_refused(own: JetStream) -> None:
    other = {"name": "natya_journal_account_0", "subjects": ["natya.journal.account.0"], "storage": "file"}
    await api(own.connection, "STREAM.CREATE.natya_journal_account_0", other)
    with pytest.raises(ConfigurationError, match="natya_journal_account_0 takes the subjects"):
        await own.ensure_kind("account", 16)


async def test_a_stream_in_memory_is_refused(own: JetStream) -> None:
    other = {"name": "natya_journal_account_0", "subjects": ["natya.journal.account.0"], "storage": "memory"}
    await api(own.connection, "STREAM.CREATE.natya_journal_account_0", other)
    with pytest.raises(ConfigurationError, match="stream natya_journal_account_0"):
        await own.ensure_kind("account", 1)


async def test_a_stream_that_takes_our_subjects_is_named_as_the_cause(own: JetStream) -> None:
    await api(own.connection, "STREAM.CREATE.theirs", {"name": "theirs", "subjects": ["natya.tell.>"], "storage": "file"})
    with pytest.raises(ConfigurationError, match=r"subjects overlap.*NATYA_NAMESPACE"):
        await own.ensure_kind("account", 1)


async def test_copies_on_a_single_server_are_refused(nats_server: NatsServer) -> None:
    settings = Settings(_env_file=None, nats=nats_server.url, replicas=3)
    async with open_jetstream(settings, name="test") as jetstream:
        with pytest.raises(ConfigurationError, match="NATYA_REPLICAS=1"):
            await jetstream.ensure_platform()


async def test_no_jetstream_is_a_clear_error(tmp_path: Path) -> None:
    server = ConfiguredServer(tmp_path, jetstream=None)
    async with server, open_jetstream(Settings(_env_file=None, nats=server.url), name="test") as jetstream:
        with pytest.raises(ConfigurationError, match="without JetStream: start it with"):
            await jetstream.ensure_platform()


async def test_a_limit_on_streams_is_a_clear_error(tmp_path: Path) -> None:
    accounts = """
accounts { A { users: [{ user: a, password: a }], jetstream { max_streams: 2 } } }
"""
    server = ConfiguredServer(tmp_path, extra=accounts)
    async with server, as_account(server) as jetstream:
        with pytest.raises(ConfigurationError, match=r"maximum number of streams.*limit is reached"):
            await jetstream.ensure_platform()


async def test_an_account_without_jetstream_is_a_clear_error(tmp_path: Path) -> None:
    server = ConfiguredServer(tmp_path, extra="\naccounts { A { users: [{ user: a, password: a }] } }\n")
    async with server, as_account(server) as jetstream:
        with pytest.raises(ConfigurationError, match="JetStream is not enabled for this server or account"):
            await jetstream.ensure_platform()


@pytest.mark.parametrize("version", ["2.11.9", "2.9.0", "1.4.1", ""])
async def test_a_server_that_is_too_old_is_a_clear_error(version: str) -> None:
    async with (
        FakeNats(version=version) as fake,
        open_jetstream(Settings(_env_file=None, nats=fake.url), name="test") as jetstream,
    ):
        with pytest.raises(ConfigurationError, match=r"too old: Natya needs 2\.12 or later"):
            await jetstream.ensure_platform()
