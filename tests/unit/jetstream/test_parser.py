"""The parser: the same messages as nats-py's own, in whatever pieces they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.protocol.parser import Parser as Reference

from natya.jetstream.parser import BURST, Arrival, BadProtocol, Parser

Seen = list[tuple[str, str, bytes, dict[str, str]]]

subjects = st.text(alphabet="abcXYZ019_-%$=é", min_size=1, max_size=30)
names = st.text(alphabet="abcdefNatsIKx-", min_size=1, max_size=20)
values = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40)
payloads = st.binary(max_size=200) | st.sampled_from([b"", b"\r\n", b"MSG a 1 3\r\nabc\r\n", b"PING\r\n", b"\r"])


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One message as a server sends it, or another line."""
    shape = draw(st.sampled_from(["message", "headers", "headers", "status", "line"]))
    if shape == "line":
        return draw(st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n"]))
    subject = draw(subjects).encode()
    reply = b" " + draw(subjects).encode() if draw(st.booleans()) else b""
    data = draw(payloads)
    if shape == "message":
        return b"MSG %b 1%b %d\r\n%b\r\n" % (subject, reply, len(data), data)
    if shape == "status":
        block = draw(st.sampled_from([b"NATS/1.0 503\r\n\r\n", b"NATS/1.0 100 Idle Heartbeat\r\n\r\n"]))
    else:
        headers = draw(st.dictionaries(names, values, min_size=1, max_size=4))
        block = b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
    return b"HMSG %b 1%b %d %d\r\n%b%b\r\n" % (subject, reply, len(block), len(block) + len(data), block, data)


class ReferenceClient:
    """What nats-py's parser talks to; reads headers with nats-py's own code."""

    def __init__(self) -> None:
        self.seen: Seen = []
        self.lines: list[str] = []
        self._client = Client()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        read: dict[Any, str] = await self._client._process_headers(headers) or {}
        shown = {str(getattr(name, "value", name)): value for name, value in read.items()}
        for name in ("Status", "Description"):
            shown.pop(name, None)
        self.seen.append((subject.decode(), reply.decode(), data, shown))

    async def _process_ping(self) -> None:
        self.lines.append("PING")

    async def _process_pong(self) -> None:
        self.lines.append("PONG")


@settings(max_examples=300, deadline=None)
@given(st.lists(frames(), max_size=12), st.lists(st.integers(1, 60), max_size=40))
def test_it_reads_what_nats_py_reads_in_any_pieces(messages: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(messages)
    reference = ReferenceClient()
    asyncio.run(Reference(reference).parse(stream))

    seen: Seen = []
    lines: list[str] = []

    def take(arrival: Arrival) -> None:
        seen.append((arrival.subject, arrival.reply, arrival.data, dict(arrival.headers)))

    parser = Parser({b"1": take}, lambda line: lines.append(line.decode()))
    at = 0
    for size in sizes:
        parser.feed(stream[at : at + size])
        at += size
    parser.feed(stream[at:])

    assert seen == reference.seen
    assert [line for line in lines if line != "+OK"] == reference.lines


def collect(stream: bytes, *, step: int | None = None) -> list[Arrival]:
    arrivals: list[Arrival] = []
    parser = Parser({b"1": arrivals.append}, lambda line: None)
    for at in range(0, len(stream), step or len(stream)):
        while parser.feed(stream[at : at + (step or len(stream))]):
            stream = stream[: at + (step or len(stream))]
    return arrivals


def test_a_status_line_is_told_apart_from_headers() -> None:
    (arrival,) = collect(b"HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
    assert (arrival.status, arrival.description, dict(arrival.headers)) == (503, "", {})
    block = b"NATS/1.0 409 Consumer Deleted\r\nNats-Pending-Messages: 5\r\n\r\n"
    (arrival,) = collect(b"HMSG a 1 %d %d\r\n%b\r\n" % (len(block), len(block), block))
    assert (arrival.status, arrival.description) == (409, "Consumer Deleted")
    assert dict(arrival.headers) == {"Nats-Pending-Messages": "5"}


def test_a_message_of_a_megabyte_comes_whole_in_small_pieces() -> None:
    data = bytes(range(256)) * 4096
    (arrival,) = collect(b"MSG a 1 %d\r\n%b\r\n" % (len(data), data), step=4096)
    assert arrival.data == data


def test_a_burst_ends_after_its_limit_and_says_that_there_is_more() -> None:
    arrivals: list[Arrival] = []
    parser = Parser({b"1": arrivals.append}, lambda line: None)
    assert parser.feed(b"MSG a 1 1\r\nx\r\n" * (BURST + 10)) is True
    assert len(arrivals) == BURST
    assert parser.feed(b"") is False
    assert len(arrivals) == BURST + 10


def test_a_handler_that_raises_is_logged_and_the_next_message_is_handled(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bytes] = []

    def handle(arrival: Arrival) -> None:
        if arrival.data == b"bad":
            raise RuntimeError("a bug")
        seen.append(arrival.data)

    Parser({b"1": handle}, lambda line: None).feed(b"MSG some.subject 1 3\r\nbad\r\nMSG some.subject 1 4\r\ngood\r\n")
    assert seen == [b"good"]
    assert "some.subject" in caplog.text


def test_a_message_for_a_subscription_that_is_gone_is_skipped() -> None:
    parser = Parser({}, lambda line: None)
    assert parser.feed(b"MSG a 7 3\r\nabc\r\n") is False


@pytest.mark.parametrize("line", [b"MSG a\r\n", b"MSG a 1 x\r\n", b"MSG\r\n"])
def test_what_is_not_the_protocol_is_an_error(line: bytes) -> None:
    with pytest.raises(BadProtocol):
        Parser({}, lambda line: None).feed(line)


def test_an_endless_line_is_an_error() -> None:
    parser = Parser({}, lambda line: None)
    for _ in range(15):
        assert not parser.feed(b"x" * 65536)
    with pytest.raises(BadProtocol):
        parser.feed(b"x" * 65537)


def test_a_subject_that_is_not_utf_8_can_be_answered_as_it_came() -> None:
    (arrival,) = collect(b"MSG a 1 \xff.b 1\r\nx\r\n")
    assert arrival.reply.encode("utf-8", "surrogateescape") == b"\xff.b"
