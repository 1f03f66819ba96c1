"""Deadlines and bounds of connections, on real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import orjson
import pytest

from natya.message import Answer
from natya_edge.auth.dev_secret import make_dev_token
from support.doors import doors, read_all
from support.edge import SECRET
from support.world import eventually

LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BALANCE = f"GET /v1/actors/account/a/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_dev_token(SECRET)}\r\n\r\n".encode()


def problem(response: bytes) -> dict[str, object]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Server: natya" in head
    assert b"Connection: close" in head or head.startswith(b"HTTP/1.0")
    found: dict[str, object] = orjson.loads(body)
    return found


async def test_a_head_that_does_not_end_is_cut_off_at_its_deadline_with_a_reason() -> None:
    async with doors(head_timeout=0.4) as edge:
        began = time.monotonic()
        found = problem(await edge.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-"))
        assert found["code"] == "head_timeout"
        assert 0.4 <= time.monotonic() - began < 5


async def test_bytes_that_trickle_in_do_not_move_the_deadline() -> None:
    async with doors(head_timeout=0.5) as edge:
        reader, writer = await edge.connect()
        began = time.monotonic()

        async def trickle() -> None:
            for byte in b"GET /livez HTTP/1.1\r\n" + b"X-A: b\r\n" * 100:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert problem(await read_all(reader, writer))["code"] == "head_timeout"
        assert time.monotonic() - began < 5
        trickling.cancel()
        await asyncio.wait({trickling})


async def test_a_head_may_come_in_pieces_cut_anywhere() -> None:
    async with doors() as edge:
        for cut in range(1, len(CLOSING)):
            reader, writer = await edge.connect()
            writer.write(CLOSING[:cut])
            await asyncio.sleep(0)
            writer.write(CLOSING[cut:])
            assert (await read_all(reader, writer)).startswith(b"HTTP/1.1 200 OK")


async def test_who_sends_nothing_is_hung_up_on_without_a_word() -> None:
    async with doors(head_timeout=0.2) as edge:
        assert await edge.send(b"") == b""


async def test_a_kept_connection_may_be_idle_longer_than_a_head_may_take_but_not_for_ever() -> None:
    async with doors(head_timeout=0.2, idle_timeout=1) as edge:
        reader, writer = await edge.connect()
        for _ in range(2):
            writer.write(LIVE)
            assert b'{"live":true}' in await reader.readuntil(b"}")
            await asyncio.sleep(0.5)
        began = time.monotonic()
        assert await read_all(reader, writer) == b""
        assert time.monotonic() - began < 5


async def test_the_second_head_of_a_connection_has_a_deadline_too() -> None:
    async with doors(head_timeout=0.3, idle_timeout=60) as edge:
        reader, writer = await edge.connect()
        writer.write(LIVE)
        await reader.readuntil(b"}")
        writer.write(b"GET /li")
        assert problem(await read_all(reader, writer))["code"] == "head_timeout"


async def test_a_request_that_is_being_answered_is_not_idle() -> None:
    async with doors(head_timeout=0.2, idle_timeout=0.2) as edge:
        edge.platform.hold = asyncio.Event()
        reader, writer = await edge.connect()
        writer.write(BALANCE * 2)  # the second one waits behind the first
        await eventually(lambda: len(edge.platform.calls) == 1)
        for calls in (2, 2):
            await asyncio.sleep(0.6)  # three times as long as anything idle may be
            edge.platform.hold.set()
            edge.platform.hold = asyncio.Event()
            assert b"200 OK" in await reader.readuntil(b"}")
            while len(edge.platform.calls) < calls:
                await asyncio.sleep(0.01)
        writer.close()


async def test_a_head_that_is_too_large_is_refused_before_it_ends() -> None:
    async with doors(head_limit=20_000) as edge:
        for head in (
            b"GET / HTTP/1.1\r\n" + b"X-A: %s\r\n" % (b"x" * 15_000) * 3,
            b"GET / HTTP/1.1\r\nX-A: %s\r\n" % (b"x" * 17_000),
            b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 102,
        ):
            assert problem(await edge.send(head))["code"] == "head_too_large"
        assert problem(await edge.send(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 9_000)))["code"] == "url_too_long"


async def test_a_large_body_is_not_taken_for_a_head() -> None:
    async with doors(head_limit=2_000, head_timeout=0.3) as edge:
        body = b'{"amount":' + b" " * 900_000 + b"5}"
        head = (
            "POST /v1/actors/account/a/deposit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {make_dev_token(SECRET)}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        for cut in (1, 2, 3, 4, len(head)):
            reader, writer = await edge.connect()
            writer.write(head[:-cut])
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(head[-cut:] + body)
            assert b"200 OK" in await read_all(reader, writer)


async def test_who_does_not_read_is_dropped_and_holds_no_memory() -> None:
    async with doors(write_timeout=0.4) as edge:
        edge.platform.answer = Answer(b'"%s"' % (b"x" * 900_000))
        reader, writer = await edge.connect()
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(30):
            writer.write(BALANCE)
        assert len(edge.doorman) == 1
        await eventually(lambda: len(edge.doorman) == 0, limit=10)
        assert len(edge.platform.calls) < 30  # it did not go on for somebody who does not listen
        writer.close()


async def test_beyond_the_room_for_one_address_others_still_come_in() -> None:
    async with doors(connections_per_address=3) as edge:
        held = [await edge.connect("127.0.0.2") for _ in range(3)]
        await eventually(lambda: len(edge.doorman) == 3)
        refused = await edge.send(CLOSING, "127.0.0.2")
        assert problem(refused)["code"] == "too_many_connections"
        assert b"429 Too Many Requests" in refused
        assert b"200 OK" in await edge.send(CLOSING, "127.0.0.3")
        held[0][1].close()
        await eventually(lambda: len(edge.doorman) == 2)
        assert b"200 OK" in await edge.send(CLOSING, "127.0.0.2")
        for _, writer in held:
            writer.close()


async def test_beyond_the_room_for_all_the_answer_is_503_at_once_and_later_there_is_room_again() -> None:
    async with doors(connections=4) as edge:
        held = [await edge.connect() for _ in range(4)]
        await eventually(lambda: len(edge.doorman) == 4)
        began = time.monotonic()
        response = await edge.send(CLOSING)
        assert problem(response)["code"] == "overloaded"
        assert b"503 Service Unavailable" in response
        assert b"Retry-After: 1" in response
        assert time.monotonic() - began < 5
        for _, writer in held:
            writer.close()
        await eventually(lambda: len(edge.doorman) == 0)
        assert b"200 OK" in await edge.send(CLOSING)


async def test_when_it_is_crowded_those_who_dawdle_have_a_tenth_of_their_time() -> None:
    async with doors(connections=4, head_timeout=4, idle_timeout=4) as edge:
        held = [await edge.connect() for _ in range(3)]
        began = time.monotonic()
        await eventually(lambda: len(edge.doorman) == 3)
        await eventually(lambda: len(edge.doorman) == 0, limit=10)
        assert time.monotonic() - began < 3.5
        for _, writer in held:
            writer.close()


async def test_who_goes_away_amid_a_body_is_no_failure_of_the_edge(caplog: pytest.LogCaptureFixture) -> None:
    token = make_dev_token(SECRET)
    head = f"POST /v1/actors/account/a/deposit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    with caplog.at_level(logging.DEBUG, "natya.edge"):
        async with doors() as edge:
            reader, writer = await edge.connect()
            writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n".encode())
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            writer.write(b'{"amount"')
            writer.close()
            await eventually(lambda: any("answered" in record.getMessage() for record in caplog.records))
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_body_that_still_comes_after_its_answer_is_no_head_of_another_request() -> None:
    async with doors(head_timeout=0.4) as edge:
        reader, writer = await edge.connect()
        size = 500_000
        writer.write(f"POST /v1/actors/account/a/deposit HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        for _ in range(size // 1_000):
            writer.write(b"x" * 1_000)
            await writer.drain()
        writer.write(LIVE)
        assert b"Content-Type: application/problem+json" in await reader.readuntil(b"HTTP/1.1 200 OK\r\n")
        assert await reader.readuntil(b'{"live":true}')
        writer.write(LIVE[:20])
        assert problem(await read_all(reader, writer))["code"] == "head_timeout"
