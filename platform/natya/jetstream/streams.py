"""The streams and buckets: made when they are missing, checked when they are there.

Every node does this at its start, several at once: making a stream that exists with the same settings is no error to the
server, and with other settings it is read and compared.

What could lose something is enforced (``_FIXED``): no age, no limit on messages of a subject, `discard: new`, so that a limit
an operator sets, in bytes say, refuses new messages instead of dropping unread ones. Everything else that an operator has
changed is left alone, but copies (``NATYA_REPLICAS``) are added where there are fewer. They are never taken away: one node started
without the setting would make everybody's data less safe. How many partitions a kind has cannot change: almost every key
would move.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from natya.errors import ConfigurationError
from natya.jetstream.connection import Connection
from natya.jetstream.requests import NAME_IN_USE, NOT_ENABLED, STREAM_NOT_FOUND, ApiError, NoAnswer, api
from natya.names import JOURNAL_STREAMS, Subjects

_log = logging.getLogger("natya.jetstream")

MINIMUM: Final = (2, 12)
"""nats-server's least version: 2.11 brought a message's own time to live and markers for what expired, on which leases stand,
2.12 message schedules, on which reminders stand."""

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND
_DEDUPLICATION: Final = 120 * _SECOND
_EVENTS_KEPT: Final = 7 * _DAY
_MARKERS_KEPT: Final = 600 * _SECOND
_PARTITIONS: Final = re.compile(r"\{\{\s*[pP]artition\(\s*(\d+)")
_PATIENCE: Final = 15.0
_PAUSE: Final = 0.2

_FIXED: Final[dict[str, Any]] = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "allow_rollup_hdrs": False,
    "deny_purge": False,
    "no_ack": False,
}
_UNLIMITED: Final[dict[str, Any]] = {"max_msgs": -1, "max_bytes": -1, "max_consumers": -1, "max_msg_size": -1}


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as it should be: ``fixed`` settings are restored where they differ, ``first`` ones are only given when the
    stream is made."""

    name: str
    fixed: dict[str, Any]
    first: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    partitions: int = 0

    def differences(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The ``fixed`` settings that a stream with the settings ``found`` lacks, as they should be. Raises
        `ConfigurationError` if it is of another number of partitions, which cannot be mended."""
        _check_partitions(self, found)
        return {name: value for name, value in self.fixed.items() if found.get(name, _unset(value)) != value}


def platform_streams(subjects: Subjects, replicas: int) -> list[Stream]:
    """What all kinds share: the streams of events and dead letters, and the buckets."""
    copies = {"num_replicas": replicas}
    events = _FIXED | copies | {"subjects": [subjects.event("*", "*", "*")], "allow_direct": True}
    kept = {"max_age": _EVENTS_KEPT, "discard": "old", "duplicate_window": _DEDUPLICATION}
    dead = _FIXED | copies | {"subjects": [subjects.dead("*", "*", "*")], "allow_direct": True}
    return [
        Stream(subjects.events_stream, {name: events[name] for name in events.keys() - kept.keys()}, kept),
        Stream(subjects.dead_stream, dead, {"duplicate_window": _DEDUPLICATION}),
        bucket_stream(subjects.cluster_bucket, replicas),
        bucket_stream(subjects.kinds_bucket, replicas),
    ]


def bucket_stream(bucket: str, replicas: int) -> Stream:
    """A key-value bucket whose keys may end by themselves."""
    fixed = _FIXED | {
        "subjects": [f"$KV.{bucket}.>"],
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
        "allow_msg_ttl": True,
    }
    first = {"deny_delete": True, "subject_delete_marker_ttl": _MARKERS_KEPT, "duplicate_window": _DEDUPLICATION}
    return Stream(f"KV_{bucket}", fixed, first)


def kind_streams(subjects: Subjects, kind: str, partitions: int, replicas: int) -> list[Stream]:
    """The streams of a kind: mail, and journals over several streams."""
    copies = {"num_replicas": replicas}
    mail = _FIXED | copies
    mail |= {
        # Exactly five tokens: a malformed tell has no stream, so its sender is told.
        "subjects": [subjects.tell(kind, "*", "*")],
        "subject_transform": {
            "src": subjects.tell(kind, "*", "*"),
            "dest": f"{subjects.namespace}.mail.{kind}.{{{{partition({partitions},1)}}}}.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}",
        },
        "allow_direct": True,
    }
    first = {"deny_delete": True, "duplicate_window": _DEDUPLICATION}
    streams = [Stream(subjects.mail_stream(kind), mail, first, kind, partitions)]
    for n in range(min(JOURNAL_STREAMS, partitions)):
        journal = _FIXED | copies
        journal |= {"subjects": [subjects.journal(kind, p) for p in range(n, partitions, JOURNAL_STREAMS)]}
        streams.append(Stream(subjects.journal_stream(kind, n), journal, {"deny_delete": True}, kind, partitions))
    return streams


async def ensure_platform(connection: Connection, subjects: Subjects, replicas: int) -> None:
    """Make or check what all kinds share. Raises `ConfigurationError`."""
    await _check_server(connection)
    for stream in platform_streams(subjects, replicas):
        await _ensure(connection, stream)


async def ensure_kind(connection: Connection, subjects: Subjects, kind: str, partitions: int, replicas: int) -> None:
    """Make or check the streams of a kind. Raises `ConfigurationError`."""
    for stream in kind_streams(subjects, kind, partitions, replicas):
        await _ensure(connection, stream)


async def _check_server(connection: Connection) -> None:
    version = connection.server_version
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < MINIMUM:
        raise ConfigurationError(
            f"nats-server {version or 'of unknown version'} is too old: Natya needs {MINIMUM[0]}.{MINIMUM[1]} or later "
            "(2.11 for keys that expire, 2.12 for message schedules)"
        )
    try:
        await _patiently(connection, "INFO")
    except ApiError as error:
        raise _unusable("JetStream", error) from error


async def _ensure(connection: Connection, wanted: Stream) -> None:
    try:
        found = await _settings(connection, wanted.name)
        if found is None:
            new = {"name": wanted.name} | _UNLIMITED | wanted.first | wanted.fixed
            try:
                await _patiently(connection, f"STREAM.CREATE.{wanted.name}", new)
                return
            except ApiError as error:
                # Somebody else has just made it, with other settings.
                found = await _settings(connection, wanted.name) if error.number == NAME_IN_USE else None
                if found is None:
                    raise
        different = wanted.differences(found)
        there, copies = found.get("num_replicas", 1), different.get("num_replicas", 0)
        if there > copies > 0:
            del different["num_replicas"]
            _log.warning(
                "stream %s has %d copies, NATYA_REPLICAS says %d: they stay. Set NATYA_REPLICAS=%d, or take copies away with "
                "`nats stream edit %s --replicas %d`",
                wanted.name, there, copies, there, wanted.name, copies,
            )  # fmt: skip
        if different:
            await _patiently(connection, f"STREAM.UPDATE.{wanted.name}", found | different)
    except ApiError as error:
        raise _unusable(f"stream {wanted.name}", error) from error


async def _settings(connection: Connection, stream: str) -> dict[str, Any] | None:
    try:
        info = await _patiently(connection, f"STREAM.INFO.{stream}")
    except ApiError as error:
        if error.number == STREAM_NOT_FOUND:
            return None
        raise
    config: dict[str, Any] = info["config"]
    return config


def _check_partitions(wanted: Stream, found: Mapping[str, Any]) -> None:
    if not wanted.partitions:
        return
    transform = found.get("subject_transform") or {}
    made = _PARTITIONS.search(str(transform.get("dest", "")))
    if made is not None:
        partitions = int(made[1])
        if partitions != wanted.partitions:
            raise ConfigurationError(
                f"kind {wanted.kind!r} has {partitions} partitions (stream {wanted.name}), but this node wants "
                f"{wanted.partitions}: a kind's partitions are fixed when its streams are made. Start it with "
                f"{partitions}, or use another kind or namespace and move the data"
            )
    elif sorted(found.get("subjects") or []) != sorted(wanted.fixed["subjects"]):
        raise ConfigurationError(
            f"stream {wanted.name} takes the subjects {found.get('subjects')}, but kind {wanted.kind!r} with "
            f"{wanted.partitions} partitions needs {wanted.fixed['subjects']}: it was made with another number of "
            "partitions, or by something else. Start with that number, or use another kind or namespace"
        )


async def _patiently(connection: Connection, verb: str, body: Any = None) -> dict[str, Any]:
    """Ask the API, again while it has no answer: at the start of a cluster it has no leader for some seconds."""
    problem: Exception | None = None
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    return await api(connection, verb, body)
                except NoAnswer as error:
                    problem = error
                    if verb == "INFO" and not connection.has_jetstream:
                        break
                    await asyncio.sleep(_PAUSE)
    except TimeoutError:
        pass
    if not connection.has_jetstream:
        raise ConfigurationError(
            "nats-server runs without JetStream: start it with `jetstream { store_dir: … }` in its configuration, or -js"
        ) from problem
    raise ConfigurationError(f"JetStream gives no answer to {verb} within {_PATIENCE:g} s: {problem}") from problem


def _unset(value: Any) -> Any:
    """What a setting that the server leaves out stands for."""
    return type(value)() if isinstance(value, bool | int | str) else None


def _unusable(what: str, error: ApiError) -> ConfigurationError:
    if error.number in NOT_ENABLED:
        advice = "JetStream is not enabled for this server or account: enable it in the configuration"
    elif error.number == 10074:
        advice = "a single server keeps one copy only: set NATYA_REPLICAS=1, or run a cluster"
    elif error.number == 10005:
        advice = "the cluster has too few servers for that many copies, or they have no room: see NATYA_REPLICAS"
    elif error.number in (10002, 10023, 10026, 10027, 10028, 10047, 10120, 10122):
        advice = "a JetStream limit is reached: raise max_file_store or the account's limits, or free some room"
    elif error.number == 10065:
        advice = "another stream takes some of its subjects: remove that stream or use another namespace (NATYA_NAMESPACE)"
    else:
        advice = "remove or mend what is there"
    return ConfigurationError(f"{what}: {error}: {advice}")
