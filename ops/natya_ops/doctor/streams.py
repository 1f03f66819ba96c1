"""Streams and buckets: that they are there, with the settings on which promises stand and the partitions of the manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from natya.errors import ConfigurationError
from natya.jetstream import JetStream
from natya.jetstream.requests import STREAM_NOT_FOUND, ApiError, NoAnswer, api
from natya.jetstream.streams import Stream, kind_streams, platform_streams
from natya_ops.doctor.findings import Finding, ok, problem, warning

RESTART = "start a worker again: it puts them right"


async def check_platform(jetstream: JetStream, replicas: int) -> list[Finding]:
    """The streams and buckets that all kinds share."""
    return await _check(jetstream, "shared streams", platform_streams(jetstream.subjects, replicas))


async def check_kinds(jetstream: JetStream, kinds: Mapping[str, dict[str, Any]], replicas: int) -> list[Finding]:
    """The streams of each kind, against its manifest."""
    findings = []
    for kind, manifest in sorted(kinds.items()):
        wanted = kind_streams(jetstream.subjects, kind, manifest["partitions"], replicas)
        findings += await _check(jetstream, f"streams of {kind}", wanted)
    return findings


async def _check(jetstream: JetStream, about: str, wanted: Iterable[Stream]) -> list[Finding]:
    findings = []
    count = 0
    for stream in wanted:
        count += 1
        try:
            answer = await api(jetstream.connection, f"STREAM.INFO.{stream.name}", timeout=3.0)
        except (NoAnswer, ApiError) as error:
            findings.append(_missing(about, stream, error))
        else:
            findings += examine(about, stream, answer["config"])
    return findings or [ok(about, f"{count} there, as they should be")]


def _missing(about: str, stream: Stream, error: NoAnswer | ApiError) -> Finding:
    if isinstance(error, ApiError) and error.number == STREAM_NOT_FOUND:
        return problem(
            about, f"{stream.name} is missing", "start a worker: it makes what is missing. What was in it is lost"
        )
    return problem(about, f"{stream.name}: {error}", "see the server's log; in a cluster, see that the stream has a leader")


def examine(about: str, stream: Stream, config: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the settings ``config`` of a stream."""
    try:
        differences = stream.differences(config)
    except ConfigurationError as error:
        return [problem(about, str(error), "run the code that these streams were made for")]
    copies = differences.pop("num_replicas", None)
    findings = []
    if copies is not None:
        text = f"{stream.name} has {config.get('num_replicas', 1)} copies, NATYA_REPLICAS says {copies}"
        findings.append(warning(about, text, f"if NATYA_REPLICAS is right here, {RESTART}"))
    if differences:
        named = ", ".join(
            f"{name} is {config.get(name)!r} and should be {value!r}" for name, value in sorted(differences.items())
        )
        findings.append(problem(about, f"{stream.name}: {named}", f"messages can be lost: {RESTART}"))
    return findings
