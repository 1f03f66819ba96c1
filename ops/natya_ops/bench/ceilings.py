"""What the NATS servers alone can do of what Natya needs most: ``python -m natya_ops.bench.ceilings``.

Appends to journals, writes of keys, and consumers made anew, so many at a time, on one server and on three with three copies, over one
connection. Each is fsynced before it is acknowledged, so these are figures of the disk as much as of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.pull import Pull, open_pull
from natya.settings import Settings
from natya_ops.bench.machine import describe
from natya_ops.bench.work import as_json
from natya_ops.servers import NatsServer, nats_cluster

KIND: Final = "measured"
PARTITIONS: Final = 64
RECORD: Final = bytes(500)
AT_ONCE: Final = (1, 16, 64)
SETTLING: Final = 3.0

Round = Callable[[JetStream, int, int], Awaitable[None]]
"""So many things, so many at a time."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """So many of ``what`` a second, with ``at_once`` under way."""

    what: str
    servers: int
    at_once: int
    per_second: float


async def appends(jetstream: JetStream, count: int, at_once: int) -> None:
    """One at a time in each of ``at_once`` partitions, as their owners do."""

    async def partition(number: int) -> None:
        last = await jetstream.journal.last(KIND, number)
        sequence = last.sequence if last is not None else 0
        for _ in range(count // at_once):
            sequence = await jetstream.journal.append(KIND, number, RECORD, expected=sequence)

    await asyncio.gather(*(partition(number) for number in range(at_once)))


async def key_writes(jetstream: JetStream, count: int, at_once: int) -> None:
    """Owner keys taken for the first time."""
    bucket = jetstream.registry(jetstream.subjects.cluster_bucket)
    await _so_many(count, at_once, lambda number: bucket.put(f"measured.{at_once}.{number}", b"{}", expected=0))


async def consumers(jetstream: JetStream, count: int, at_once: int) -> None:
    """Readers of mail, as each partition has one."""
    made: list[Pull] = []

    async def make(number: int) -> None:
        subject = jetstream.subjects.mail(KIND, number % PARTITIONS)
        pull, _ = await open_pull(jetstream.connection, jetstream.subjects.mail_stream(KIND), subject, start=1)
        made.append(pull)

    try:
        await _so_many(count, at_once, make)
    finally:
        for pull in made:
            pull.close()


ROUNDS: Final[dict[str, tuple[Round, int]]] = {
    "appends": (appends, 1_280),
    "key writes": (key_writes, 640),
    "consumers made": (consumers, 192),
}


async def _so_many(count: int, at_once: int, work: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))


@asynccontextmanager
async def _open(servers: Sequence[NatsServer]) -> AsyncIterator[JetStream]:
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(server) for server in servers))
        settings = Settings.model_construct(nats=servers[0].url, replicas=len(servers))
        jetstream = await stack.enter_async_context(open_jetstream(settings, name="natya bench"))
        await jetstream.ensure_platform()
        await jetstream.ensure_kind(KIND, PARTITIONS)
        await asyncio.sleep(SETTLING)
        yield jetstream


async def measure(servers: Sequence[NatsServer], *, part: float = 1.0) -> list[Ceiling]:
    """Measure everything on these servers, with that part of the usual counts."""
    found = []
    async with _open(servers) as jetstream:
        for what, (work, count) in ROUNDS.items():
            for at_once in AT_ONCE:
                many = max(at_once, int(count * part))
                began = time.perf_counter()
                await work(jetstream, many, at_once)
                found.append(Ceiling(what, len(servers), at_once, many / (time.perf_counter() - began)))
    return found


def table(ceilings: Sequence[Ceiling]) -> str:
    """The figures as a table in Markdown: things per second, by how many were under way."""
    lines = [f"| a second | servers | {' | '.join(f'{number} at once' for number in AT_ONCE)} |", "|" + "---|" * 5]
    for what in ROUNDS:
        for servers in sorted({each.servers for each in ceilings}):
            row = [each for each in ceilings if (each.what, each.servers) == (what, servers)]
            lines.append(f"| {what} | {servers} | {' | '.join(f'{each.per_second:,.0f}' for each in row)} |")
    return "\n".join(lines)


async def run(folder: Path | None) -> list[Ceiling]:
    """One server, then three; what is written is deleted."""
    with tempfile.TemporaryDirectory(prefix="natya-ceilings-", dir=folder) as name:
        alone = await measure([NatsServer(Path(name) / "alone")])
        return alone + await measure(nats_cluster(Path(name)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the temporary data goes: the disk that is measured")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    given = parser.parse_args()
    machine = describe(given.folder or Path(tempfile.gettempdir()))
    found = asyncio.run(run(given.folder))
    print(table(found))
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": as_json(machine), "ceilings": as_json(found)}, indent=1))


if __name__ == "__main__":
    main()
