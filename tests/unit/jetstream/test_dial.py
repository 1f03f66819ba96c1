"""The first connection: credentials, TLS, and clear errors."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from natya.errors import ConfigurationError
from natya.jetstream import connect, open_jetstream
from natya.settings import Settings
from natya_ops.servers import NatsServer
from natya_ops.servers.ports import free_port
from support.fake_nats import FakeNats
from support.jetstream_world import ConfiguredServer


async def test_no_server_is_a_clear_error_within_the_limit() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    with pytest.raises(ConfigurationError, match=rf"cannot reach NATS at {url}: .*(refused|failed)"):
        await connect(url, name="test", limit=0.5)


async def test_something_that_accepts_and_says_nothing_is_a_clear_error() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConfigurationError, match="cannot reach NATS"):
            await connect(f"nats://127.0.0.1:{port}", name="test", limit=0.3)


async def test_a_server_that_comes_up_in_time_is_waited_for(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, free_port())
    attempt = asyncio.create_task(connect(server.url, name="test"))
    async with server:
        connection = await attempt
        assert connection.connected
        await connection.close()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "http://127.0.0.1:1", "", " , "])
async def test_what_is_no_nats_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="nats://host:port"):
        await connect(url, name="test")


async def test_one_of_several_servers_is_enough(nats_url: str) -> None:
    connection = await connect(f"nats://127.0.0.1:{free_port()}, {nats_url}", name="test")
    assert connection.connected
    await connection.close()


async def test_credentials_are_used_and_wrong_ones_refused_at_once(tmp_path: Path) -> None:
    async with ConfiguredServer(tmp_path, extra='\nauthorization { user: "ann", password: "secret" }\n') as server:
        settings = Settings(_env_file=None, nats=server.url, nats_user="ann", nats_password="secret")
        async with open_jetstream(settings, name="test") as jetstream:
            assert jetstream.bus.connected
        async with asyncio.timeout(2):
            with pytest.raises(ConfigurationError, match=r"(?i)authorization violation") as refused:
                await connect(server.url.replace("//", "//ann:wrong@"), name="test")
        assert "wrong" not in str(refused.value)


async def test_a_tls_connection_works_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = f"\ntls {{ cert_file: {json.dumps(str(certificate))}, key_file: {json.dumps(str(key))} }}\n"
    async with ConfiguredServer(tmp_path / "data", extra=tls) as server:
        connection = await connect(server.url.replace("nats://127.0.0.1", "tls://localhost"), name="test")
        await connection.subscribe("echo", lambda arrival: connection.respond(arrival.reply, arrival.data))
        data = b"x" * 500_000
        assert (await connection.request("echo", data, timeout=5)).data == data
        back = asyncio.Event()
        connection.on_reconnect(back.set)
        await server.kill()
        await server.start()
        async with asyncio.timeout(10):
            await back.wait()
        assert (await connection.request("echo", data, timeout=5)).data == data
        await connection.close()


async def test_a_greeting_that_breaks_off_is_a_clear_error() -> None:
    async with FakeNats() as fake:
        fake.before_pong = b"-ERR 'Maximum Connections Exceeded'\r\n"
        with pytest.raises(ConfigurationError, match=r"(?i)maximum connections"):
            await connect(fake.url, name="test", limit=0.5)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
