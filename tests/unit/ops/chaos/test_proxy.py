"""The proxy, between real sockets: what passes, what waits, what vanishes, what breaks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from natya_ops.chaos.proxy import Proxy, Trouble, Way
from natya_ops.servers.ports import HOST
from support.lines import Line, a_line, a_server, connections, end, silent, within
from support.waiting import until


async def test_bytes_pass_both_ways_and_unchanged() -> None:
    async with a_line() as (proxy, line):
        await line.up(b"hello")
        await line.down(b"world")
        large = bytes(range(256)) * 20_000
        await asyncio.gather(line.up(large), line.down(large))
        assert proxy.connections == 1


async def test_who_speaks_before_the_server_is_reached_is_heard() -> None:
    async with a_server() as server, Proxy(server.port) as proxy:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        writer.write(b"first")
        far_reader, far_writer = await within(server.calls.get())
        assert await within(far_reader.readexactly(5)) == b"first"
        far_writer.write(b"second")
        assert await within(reader.readexactly(6)) == b"second"
        await end(writer)


async def test_many_connections_do_not_mix() -> None:
    async with a_server() as server, Proxy(server.port) as proxy:

        async def talk(number: int) -> None:
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            writer.write(b"%d\n" % number)
            assert await within(reader.readline()) == b"you are %d\n" % number
            await end(writer)

        async def answer() -> None:
            while True:
                reader, writer = await server.calls.get()
                writer.write(b"you are " + await reader.readline())
                writer.close()

        answering = asyncio.create_task(answer())
        await asyncio.gather(*[talk(number) for number in range(200)])
        answering.cancel()
        await until(lambda: connections(proxy), lambda count: count == 0)


async def test_an_end_passes_behind_the_bytes_and_the_other_way_goes_on() -> None:
    async with a_line() as (proxy, line):
        line.writer.write(b"last words")
        line.writer.write_eof()
        assert await within(line.far_reader.read()) == b"last words"
        await line.down(b"still here")
        line.far_writer.write(b"bye")
        line.far_writer.close()
        assert await within(line.reader.read()) == b"bye"
        await until(lambda: connections(proxy), lambda count: count == 0)


async def test_what_is_behind_an_end_is_not_cut_off_for_a_slow_reader() -> None:
    async with a_line() as (_, line):
        large = b"x" * 5_000_000
        line.writer.write_eof()
        line.far_writer.write(large)
        line.far_writer.close()
        assert await within(line.far_reader.read()) == b""
        found = 0
        while data := await within(line.reader.read(200_000)):
            found += len(data)
            await asyncio.sleep(0)
        assert found == len(large)


@pytest.mark.parametrize("client_breaks", [True, False])
async def test_a_broken_connection_breaks_on_the_other_side(client_breaks: bool) -> None:
    async with a_line() as (proxy, line):
        await line.up(b"x")
        near, far = (line.writer, line.far_reader) if client_breaks else (line.far_writer, line.reader)
        near.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        near.transport.abort()
        with pytest.raises(ConnectionResetError):
            await within(far.read())
        await until(lambda: connections(proxy), lambda count: count == 0)


async def test_a_reader_that_does_not_read_holds_up_the_sender() -> None:
    async with a_line() as (_, line):
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                line.writer.write(b"x" * 65_536)
                await line.writer.drain()
                sent += 65_536

        sending = asyncio.create_task(send())
        before = -1

        async def stuck() -> bool:
            nonlocal before
            before, was = sent, before
            await asyncio.sleep(0.1)
            return sent == before == was

        await until(stuck)
        assert sent < 64 << 20  # socket buffers, and no more than that
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        line.writer.write_eof()
        found = 0
        while data := await within(line.far_reader.read(1 << 20)):
            found += len(data)
        assert found >= sent


async def test_delay_is_added_each_way_and_order_kept() -> None:
    loop = asyncio.get_running_loop()
    async with a_line() as (proxy, line):
        with proxy.delay(0.1, jitter=0.05):
            began = loop.time()
            for number in range(20):
                line.writer.write(b"%02d" % number)
                await asyncio.sleep(0.002)
            expected = b"".join(b"%02d" % number for number in range(20))
            assert await within(line.far_reader.readexactly(40)) == expected
            assert loop.time() - began >= 0.1
            began = loop.time()
            await line.down(b"x")
            assert loop.time() - began >= 0.1
        with proxy.delay(30):
            line.writer.write(b"slow")
            assert await silent(line.far_reader)
        assert await within(line.far_reader.readexactly(4)) == b"slow"  # what was under way does not wait for a healed delay


async def test_an_end_is_delayed_like_bytes() -> None:
    loop = asyncio.get_running_loop()
    async with a_line() as (proxy, line):
        proxy.delay(0.2)
        began = loop.time()
        line.writer.write(b"x")
        line.writer.close()
        assert await within(line.far_reader.read()) == b"x"
        assert loop.time() - began >= 0.2


def hole(proxy: Proxy) -> Trouble:
    return proxy.black_hole()


def no_way_up(proxy: Proxy) -> Trouble:
    return proxy.one_way(Way.TO_SERVER)


def no_way_down(proxy: Proxy) -> Trouble:
    return proxy.one_way(Way.TO_CLIENT)


@pytest.mark.parametrize(("cut", "up", "down"), [(hole, False, False), (no_way_up, False, True), (no_way_down, True, False)])
async def test_in_a_hole_nothing_arrives_and_afterwards_all_of_it(
    cut: Callable[[Proxy], Trouble], up: bool, down: bool
) -> None:
    async with a_line() as (proxy, line):
        with cut(proxy):
            line.writer.write(b"up")
            line.far_writer.write(b"down")
            if up:
                assert await within(line.far_reader.readexactly(2)) == b"up"
            else:
                assert await silent(line.far_reader)
            if down:
                assert await within(line.reader.readexactly(4)) == b"down"
            else:
                assert await silent(line.reader)
        if not up:
            assert await within(line.far_reader.readexactly(2)) == b"up"
        if not down:
            assert await within(line.reader.readexactly(4)) == b"down"


async def test_in_a_hole_ends_and_breaks_are_not_heard_before_it_is_healed() -> None:
    async with a_line() as (proxy, line):
        with proxy.black_hole():
            await end(line.writer)
            assert await silent(line.far_reader)
        assert await within(line.far_reader.read()) == b""


async def test_in_a_hole_a_new_connection_hears_nothing_and_comes_about_later() -> None:
    async with a_server() as server, Proxy(server.port) as proxy:
        with proxy.one_way(Way.TO_CLIENT):
            reader, writer = await asyncio.open_connection(HOST, proxy.port)
            writer.write(b"hello")
            assert await silent(reader)
            assert server.calls.empty()
        far, _ = await within(server.calls.get())
        assert await within(far.readexactly(5)) == b"hello"
        await end(writer)


async def test_reset_breaks_what_is_there_and_refuses_what_is_new_until_healed() -> None:
    async with a_server() as server, Proxy(server.port) as proxy:
        async with Line(proxy, server) as line:
            refusal = proxy.reset()
            for reader in (line.reader, line.far_reader):
                with pytest.raises(ConnectionResetError):
                    await within(reader.read())
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        with pytest.raises(ConnectionResetError):
            await within(reader.read())
        await end(writer)
        refusal.heal()
        async with Line(proxy, server) as line:
            await line.up(b"x")


async def test_reset_without_refusing_lets_clients_come_again() -> None:
    async with a_server() as server, Proxy(server.port) as proxy:
        async with Line(proxy, server) as line:
            proxy.reset(refuse=False)
            with pytest.raises(ConnectionResetError):
                await within(line.reader.read())
        async with Line(proxy, server) as line:
            await line.up(b"x")


async def test_a_limited_rate_lets_so_many_bytes_pass_a_second() -> None:
    loop = asyncio.get_running_loop()
    async with a_line() as (proxy, line):
        with proxy.throttle(100_000):
            began = loop.time()
            await line.up(b"x" * 50_000)
            assert loop.time() - began >= 0.4
        began = loop.time()
        with proxy.throttle(10):
            line.writer.write(b"x" * 1_000_000)
            assert len(await within(line.far_reader.read(1_000))) < 100
        await within(line.far_reader.readexactly(999_000))
        assert loop.time() - began < 10
        with pytest.raises(ValueError, match="must be positive"):
            proxy.throttle(0)


async def test_troubles_add_up_and_healing_one_leaves_the_others() -> None:
    async with a_line() as (proxy, line):
        first, second = proxy.black_hole(), proxy.one_way(Way.TO_SERVER)
        line.writer.write(b"x")
        line.far_writer.write(b"y")
        first.heal()
        first.heal()
        assert await within(line.reader.readexactly(1)) == b"y"
        assert await silent(line.far_reader)
        second.heal()
        assert await within(line.far_reader.readexactly(1)) == b"x"
        proxy.black_hole()
        proxy.delay(30)
        line.writer.write(b"z")
        proxy.heal()
        assert await within(line.far_reader.readexactly(1)) == b"z"


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with a_server() as server:
        port = server.port
    async with Proxy(port) as proxy:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        with pytest.raises(ConnectionResetError):
            await within(reader.read())
        await end(writer)
        await until(lambda: connections(proxy), lambda count: count == 0)


async def test_leaving_ends_all_connections_also_in_a_hole() -> None:
    async with a_server() as server:
        async with Proxy(server.port) as proxy:
            line = await Line(proxy, server).__aenter__()
            proxy.black_hole()
            waiting_reader, waiting = await asyncio.open_connection(HOST, proxy.port)
        for reader in (line.reader, line.far_reader, waiting_reader):
            with pytest.raises(ConnectionResetError):
                await within(reader.read())
        for writer in (line.writer, waiting):
            await end(writer)
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection(HOST, proxy.port)


@pytest.mark.parametrize(
    "scenario",
    [
        test_bytes_pass_both_ways_and_unchanged,
        test_who_speaks_before_the_server_is_reached_is_heard,
        test_many_connections_do_not_mix,
        test_in_a_hole_a_new_connection_hears_nothing_and_comes_about_later,
        test_an_end_passes_behind_the_bytes_and_the_other_way_goes_on,
        test_what_is_behind_an_end_is_not_cut_off_for_a_slow_reader,
        test_in_a_hole_ends_and_breaks_are_not_heard_before_it_is_healed,
        test_reset_breaks_what_is_there_and_refuses_what_is_new_until_healed,
        test_a_limited_rate_lets_so_many_bytes_pass_a_second,
        test_leaving_ends_all_connections_also_in_a_hole,
    ],
)
def test_it_behaves_the_same_on_uvloop(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
