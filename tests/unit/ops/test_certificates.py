"""`natya certificates`: an authority of one's own, and what it signs."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_ops.certificates import RENEW_DAYS, SERVER_DAYS, make_certificates


def context(folder: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(folder / "server.pem", folder / "server.key")
    return made


async def served(folder: Path, host: str, trust: Path) -> bool:
    """Whether a client that trusts ``trust`` and calls ``host`` accepts a server with what is in ``folder``."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context(folder)) as server:
        port = server.sockets[0].getsockname()[1]
        client = ssl.create_default_context(cafile=trust)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        except ssl.SSLError:
            return False
        writer.close()
        return True


async def test_clients_accept_servers_by_the_names_they_were_made_for(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "a", ["nats", "127.0.0.1"])
    assert await served(tmp_path / "a", "nats", made.ca)
    assert await served(tmp_path / "a", "127.0.0.1", made.ca)
    assert not await served(tmp_path / "a", "other", made.ca)
    other = make_certificates(tmp_path / "b", ["nats"])
    assert not await served(tmp_path / "a", "nats", other.ca)


def test_what_is_good_stays_and_what_ends_soon_or_lacks_a_name_is_made_anew(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert make_certificates(tmp_path, ["nats"], now=now).renewed
    assert not make_certificates(tmp_path, ["nats"], now=now).renewed
    assert make_certificates(tmp_path, ["nats", "nats-1"], now=now).renewed
    assert not make_certificates(tmp_path, ["nats-1"], now=now).renewed
    later = now + timedelta(days=SERVER_DAYS - RENEW_DAYS + 1)
    ca = (tmp_path / "ca.pem").read_bytes()
    assert make_certificates(tmp_path, ["nats"], now=later).renewed
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_keys_are_for_their_owner_alone_and_the_authority_can_be_elsewhere(tmp_path: Path) -> None:
    server, authority, trust = tmp_path / "server", tmp_path / "authority", tmp_path / "trust"
    make_certificates(server, ["nats"], authority=authority, trust=trust)
    assert {file.name for file in trust.iterdir()} == {"ca.pem"}
    assert {file.name for file in server.iterdir()} == {"ca.pem", "server.pem", "server.key"}
    assert [file.stat().st_mode & 0o777 for file in (server / "server.key", authority / "ca.key")] == [0o600, 0o600]


@pytest.mark.parametrize("hosts", [[], ["höst name"], ["ho st\n"]])
def test_hosts_that_are_none_are_refused(tmp_path: Path, hosts: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="host"):
        make_certificates(tmp_path, hosts)


def test_an_authority_without_its_key_signs_nothing(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["nats"])
    (tmp_path / "ca.key").unlink()
    with pytest.raises(ConfigurationError, match="can sign nothing"):
        make_certificates(tmp_path, ["nats", "more"])
