"""The NATS server: its version, JetStream and its limits, whether it fsyncs before it acknowledges, how fast, and its clock."""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from natya.jetstream import JetStream
from natya.jetstream.connection import Connection
from natya.jetstream.requests import ApiError, NoAnswer, api
from natya.jetstream.streams import MINIMUM
from natya.message import MAX_AHEAD_MS
from natya.ports.lease import LeaseUnknown, RevisionConflict
from natya_ops.doctor.findings import Finding, ok, problem, warning

USUAL_MONITORING_PORT: Final = 8222
MONITOR_TIMEOUT: Final = 2.0
NEARLY_FULL: Final = 0.8
"""Share of a limit from which on it is worth a warning."""
SKEW_WARNING: Final = 1.0
"""Seconds between two clocks from which on deadlines are noticeably early or late."""
WRITES: Final = 20
SLOW_WRITE: Final = 0.025
"""Seconds for one acknowledged write above which commits are slow: a disk with a good cache needs about one millisecond."""


def check_version(version: str) -> Finding:
    """Whether the server is new enough."""
    least = f"{MINIMUM[0]}.{MINIMUM[1]}"
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None:
        return warning("NATS version", f"the server says {version!r}", f"Natya needs nats-server {least} or later")
    if (int(numbers[1]), int(numbers[2])) < MINIMUM:
        return problem("NATS version", f"nats-server {version} is too old", f"upgrade it to {least} or later")
    return ok("NATS version", f"nats-server {version}")


async def check_jetstream(connection: Connection) -> list[Finding]:
    """Whether JetStream is on and has room. Only one finding that is a problem if it is not on."""
    about = "JetStream"
    try:
        account = await api(connection, "INFO", timeout=3.0)
    except (NoAnswer, ApiError) as error:
        if not connection.has_jetstream:
            hint = "start nats-server with `jetstream { store_dir: … }` in its configuration, or with -js"
            return [problem(about, "the server runs without JetStream", hint)]
        return [problem(about, f"no answer: {error}", "see the server's log; in a cluster, see that it has a leader")]
    return [ok(about, f"on, {account['streams']} streams"), *check_limits(account)]


def check_limits(account: Mapping[str, Any]) -> list[Finding]:
    """Whether the account has room: ``account`` is the answer of the API's INFO."""
    limits = account.get("limits") or {}
    findings = []
    for what, used, limit in (
        ("storage", account.get("storage", 0), limits.get("max_storage", -1)),
        ("streams", account.get("streams", 0), limits.get("max_streams", -1)),
        ("consumers", account.get("consumers", 0), limits.get("max_consumers", -1)),
    ):
        if limit is None or limit <= 0:
            continue
        text = f"{used} of {limit} {'bytes of ' if what == 'storage' else ''}{what} used"
        if used >= limit * NEARLY_FULL:
            hint = f"raise the account's limit on {what}, or free some: when it is reached, commits are refused"
            findings.append((problem if used >= limit else warning)("account limits", text, hint))
        else:
            findings.append(ok("account limits", text))
    return findings or [ok("account limits", "none")]


async def check_sync(connection: Connection, settings_nats: str, monitor: str, replicas: int) -> Finding:
    """Whether the server writes to disk before it acknowledges. Only its monitoring endpoint tells: ``monitor``, or the usual
    port on the same host."""
    about = "fsync"
    host = urlsplit(settings_nats.split(",")[0].strip()).hostname or "127.0.0.1"
    url = monitor or f"http://{host}:{USUAL_MONITORING_PORT}"
    hint = "name the server's monitoring address with --monitor (`http: 127.0.0.1:8222` in its configuration turns it on)"
    try:
        found = await asyncio.to_thread(_varz, url)
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        return warning(about, f"cannot tell: no monitoring endpoint at {url} ({reason})", hint)
    if found.get("server_id") != connection.server:
        return warning(about, f"cannot tell: the monitoring endpoint at {url} is of another server", hint)
    return judge_sync(found, replicas)


def _varz(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url.rstrip('/')}/varz", timeout=MONITOR_TIMEOUT) as answer:
        found = json.load(answer)
    if not isinstance(found, dict):
        raise ValueError("the answer is not that of a NATS server")
    return found


def judge_sync(varz: Mapping[str, Any], replicas: int) -> Finding:
    """What the setting means for what was acknowledged."""
    config = (varz.get("jetstream") or {}).get("config") or {}
    if config.get("sync_always"):
        return ok("fsync", "sync_interval is always: what is acknowledged is on disk")
    seconds = config.get("sync_interval", 0) / 1e9
    if replicas > 1:
        return warning(
            "fsync",
            f"sync_interval is {seconds:g} s, with {replicas} copies",
            "a power failure that takes all copies at once loses acknowledged messages: keep them in different "
            "failure domains, or set `sync_interval: always`",
        )
    return warning(
        "fsync",
        f"sync_interval is {seconds:g} s, with one copy",
        "a power failure loses what was acknowledged since: set `sync_interval: always` in the jetstream block",
    )


async def check_writes(jetstream: JetStream) -> Finding:
    """How long one acknowledged write takes: some to a key of the cluster's bucket that nobody reads and that expires by itself."""
    registry = jetstream.registry(jetstream.subjects.cluster_bucket)
    key = f"doctor.{secrets.token_hex(6)}"
    revision, times = 0, []
    try:
        for _ in range(WRITES):
            began = time.monotonic()
            revision = await registry.put(key, b"{}", expected=revision, ttl=1)
            times.append(time.monotonic() - began)
    except (LeaseUnknown, RevisionConflict) as error:
        return problem("writes", f"a write was not acknowledged: {error}", "see the server's log, and the room on its disk")
    took = median(times)
    text = f"{took * 1000:.1f} ms for one acknowledged write (median of {WRITES}; slowest {max(times) * 1000:.1f} ms)"
    if took > SLOW_WRITE:
        return warning("writes", text, "commits wait for the disk: use a faster one for JetStream's store_dir")
    return ok("writes", text)


async def check_clock(connection: Connection, stream: str) -> Finding:
    """How far this machine's clock is from the server's, which stands on the answer about any stream."""
    sent = time.time()
    try:
        answer = await api(connection, f"STREAM.INFO.{stream}", timeout=3.0)
    except (NoAnswer, ApiError) as error:
        return warning("clock", f"cannot tell: {error}", "see what is said about streams")
    received = time.time()
    if "ts" not in answer:
        return warning("clock", "cannot tell: the server does not say what time it is", "upgrade nats-server")
    return judge_clock(_seconds(answer["ts"]), sent, received)


def _seconds(stamp: str) -> float:
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def judge_clock(server: float, sent: float, received: float) -> Finding:
    """The server's time was taken between two looks at this machine's (all in seconds since the epoch): it differs by at least
    the distance from that interval."""
    skew = sent - server if server < sent else min(0.0, received - server)
    if abs(skew) < SKEW_WARNING:
        bound = max(1, math.ceil(max(abs(skew), received - sent) * 1000))
        return ok("clock", f"this machine and NATS differ by less than {bound} ms")
    text = f"this machine's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} that of NATS"
    hint = "synchronise the clocks (NTP, chrony) of all machines"
    if skew * 1000 > MAX_AHEAD_MS:
        return problem("clock", text, f"{hint}: messages sent from here are refused as being from the future")
    return warning("clock", text, f"{hint}: deadlines are early or late by as much")
