"""A look at a platform from outside: what is deployed, who is there, who has what."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from natya.client import Platform, open_platform
from natya.clock import SystemClock
from natya.errors import ConfigurationError, Unavailable, UnknownKind
from natya.jetstream import JetStream, open_jetstream
from natya.jetstream.pull import Broken
from natya.jetstream.requests import ApiError, NoAnswer
from natya.names import check_kind
from natya.ports.bus import Disconnected
from natya.ports.journal import JournalUnavailable
from natya.ports.lease import LeaseUnknown
from natya.runtime.kinds import KindsWatch
from natya.runtime.placement import hosts
from natya.runtime.view import Member, Owner, View
from natya.settings import Settings

NAME: Final = "natya command line"
"""How the server's monitoring shows these connections."""

T = TypeVar("T")

logging.getLogger("natya").addHandler(logging.NullHandler())  # a command says what is wrong in one line of its own


@dataclass(frozen=True, slots=True)
class Cluster:
    """Kinds, members and owners as they were when it was opened."""

    jetstream: JetStream
    kinds: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    owners: Mapping[tuple[str, int], Owner] = field(default_factory=dict)

    def manifest(self, kind: str) -> dict[str, Any]:
        """The manifest of a kind. Raises `Invalid`, `UnknownKind`."""
        return manifest_of(kind, self.kinds)

    def nodes(self, kind: str) -> list[str]:
        """The names of the nodes that host a kind, sorted."""
        return sorted(hosts(kind, self.members.values()))


def manifest_of(kind: str, manifests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One of ``manifests``. Raises `Invalid`, and `UnknownKind`, which names those there are."""
    try:
        return manifests[check_kind(kind)]
    except KeyError:
        names = ", ".join(sorted(manifests)) or "none"
        raise UnknownKind(f"no kind {kind!r} is deployed; there is {names}", kind=kind) from None


@asynccontextmanager
async def open_nats(settings: Settings) -> AsyncIterator[JetStream]:
    """Connect to NATS alone. Raises `ConfigurationError` that says what to do, `Unavailable` where answers stop coming."""
    async with _begun(open_jetstream(settings, name=NAME)) as jetstream:
        with spoken_plainly(settings):
            yield jetstream


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Platform]:
    """Connect as a client. Raises as `open_nats`."""
    async with _begun(open_platform(settings, name=NAME)) as platform:
        yield platform


@asynccontextmanager
async def _begun(opening: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(opening)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}; start a platform with natya up, or say where it is with --nats") from error
        yield opened


@asynccontextmanager
async def open_cluster(settings: Settings) -> AsyncIterator[Cluster]:
    """Connect and look around. Raises `ConfigurationError` if no platform was ever started there, and as `open_nats`."""
    async with open_nats(settings) as jetstream:
        yield await look(jetstream, settings)


async def look(jetstream: JetStream, settings: Settings) -> Cluster:
    """What the two buckets say now. Raises `ConfigurationError` if they are not there."""
    view = View(SystemClock())
    kinds = KindsWatch(jetstream.registry(jetstream.subjects.kinds_bucket))
    try:
        await kinds.start()
        watch = await jetstream.registry(jetstream.subjects.cluster_bucket).watch(view.apply)
        await watch.close()
    except LeaseUnknown as error:
        raise ConfigurationError(
            f"there is no platform {settings.namespace!r} on {settings.nats_shown} ({error}): start a worker on it, "
            "or choose another with --namespace"
        ) from error
    finally:
        await kinds.close()
    return Cluster(jetstream, kinds.manifests, view.members, view.owners)


@contextmanager
def spoken_plainly(settings: Settings) -> Generator[None]:
    """Turn what ports and JetStream raise into `Unavailable`, which the command line prints as one line."""
    try:
        yield
    except (LeaseUnknown, JournalUnavailable, NoAnswer, ApiError, Broken, Disconnected) as error:
        raise Unavailable(f"NATS at {settings.nats_shown} does not answer as it should: {error}", retry_after=1) from error
