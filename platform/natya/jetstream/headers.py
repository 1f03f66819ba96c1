"""The header block of a NATS message: ``NATS/1.0[ status[ description]]``, then ``Name: value`` lines, then an empty line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from natya.errors import Invalid

_VERSION: Final = b"NATS/1.0"
_STATUS: Final = b"NATS/1.0 "
_SPACE: Final = " \t\n\r\v\f"


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """The header block. Raises `Invalid` if a name or value has a line break, or is not Unicode."""
    text = "NATS/1.0\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers.items()]) + "\r\n"
    lines = len(headers) + 2
    if text.count("\n") != lines or text.count("\r") != lines:
        raise Invalid(f"a header must not contain a line break: {dict(headers)!r}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"a header is not valid Unicode: {dict(headers)!r}") from error


def parse_headers(block: bytes) -> dict[str, str]:
    """The headers of a block. Bytes that are not UTF-8 become U+FFFD, as do lone line breaks, with which no header can be sent on;
    lines without a colon are skipped, and of headers with one name the last counts."""
    headers: dict[str, str] = {}
    lines = block.decode("utf-8", "replace").split("\r\n")[1:]
    if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines):
        lines = [line.replace("\n", "\ufffd").replace("\r", "\ufffd") for line in lines]
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip(_SPACE)] = value.strip(_SPACE)
    return headers


def status_of(block: bytes | None) -> int:
    """The status on a block's first line (503 is *no responders*), 0 if there is none."""
    if block is None or not block.startswith(_STATUS):
        return 0
    digits = block[len(_STATUS) : len(_STATUS) + 3]
    return int(digits) if digits.isdigit() else 0


def description_of(block: bytes) -> str:
    """The text behind the status on a block's first line, empty if there is none."""
    line = block[len(_VERSION) : block.find(b"\r\n")]
    return line.strip()[3:].decode("utf-8", "replace").strip()


def strip_nats_headers(headers: Mapping[str, str], keep: Collection[str] = ()) -> dict[str, str]:
    """The headers without those that NATS itself acts on (``Nats-Rollup``, ``Nats-TTL``, …): what a user sends must not steer
    a stream. ``keep`` names exceptions, as they are spelled."""
    return {name: value for name, value in headers.items() if name in keep or not name.strip().lower().startswith("nats-")}
