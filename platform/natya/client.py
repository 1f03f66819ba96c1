"""The way in from Python: a connection, and references to actors.

Calls go straight to the owner (``natya.call``), carry an id of their own and are repeated by the protocol until there is an
answer or the deadline; tells are stored before they return.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

import orjson
from pydantic import SecretStr

from natya.actor import AnyActor, reference
from natya.clock import Clock, Ids, RandomIds, SystemClock
from natya.errors import Unavailable, Unknown, UnknownKind, UnknownMethod
from natya.jetstream import open_jetstream, strip_nats_headers
from natya.manifest import Definition
from natya.message import ANYWHERE, Answer, Message, check_id
from natya.names import Subjects, check_kind, check_method, encode_key, partition_of
from natya.outcome import OUTCOME, Outcome
from natya.ports.bus import Bus
from natya.ports.events import Event, EventStream, Wanted
from natya.ports.lease import LeaseUnknown, Registry
from natya.ref import Options, Ref
from natya.runtime.calling import Caller
from natya.runtime.following import follow
from natya.runtime.kinds import KindsWatch
from natya.runtime.posting import Poster
from natya.runtime.query import STATE
from natya.runtime.router import BUILT_IN
from natya.runtime.vouching import find_seal
from natya.settings import Settings
from natya.vouch import Seal
from natya.written import WRITTEN, a_key_of_each, all_written

A = TypeVar("A", bound=AnyActor)

DEFAULT_TIMEOUT = 30.0


class Platform:
    """A running platform, as a client sees it. Implements `natya.ref.Sender`. Made by `connect`. One that is ``routed`` sends its
    calls to any node, as guests must, and knows of no kinds."""

    def __init__(
        self,
        bus: Bus,
        subjects: Subjects,
        kinds: KindsWatch,
        registry: Registry,
        cluster: Registry,
        events: EventStream,
        clock: Clock,
        ids: Ids,
        timeout: float,
        *,
        routed: bool = False,
    ) -> None:
        self._bus = bus
        self._kinds = kinds
        self._registry = registry
        self._cluster = cluster
        self._events = events
        self._clock = clock
        self._ids = ids
        self._timeout = timeout
        self._routed = routed
        self._seal: Seal | None = None
        self._caller = Caller(bus, subjects, clock, ids)
        self._poster = Poster(bus, subjects, clock)

    @overload
    def actor(
        self,
        kind: type[A],
        key: str,
        *,
        id: str = "",
        timeout: float | None = None,
        if_version: int | None = None,
        keep: int = 0,
    ) -> A: ...
    @overload
    def actor(
        self,
        kind: str,
        key: str,
        *,
        id: str = "",
        timeout: float | None = None,
        if_version: int | None = None,
        keep: int = 0,
    ) -> Ref: ...
    def actor(
        self,
        kind: type[AnyActor] | str,
        key: str,
        *,
        id: str = "",
        timeout: float | None = None,
        if_version: int | None = None,
        keep: int = 0,
    ) -> Any:
        """One actor: ``await platform.actor(Account, "alice").deposit(amount=5)``. ``id`` makes one call repeatable from
        outside: the same id again gives the same answer. Other options as in `natya.ref.Options`."""
        return reference(self, kind, key, Options(id, timeout, if_version, keep))

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        """The JSON result of one call. Raises `natya.errors.NatyaError`."""
        answer = await self.call(kind, key, method, body, options)
        if answer.code:
            raise answer.error()
        return answer.body

    async def call(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        *,
        caller: str = "",
        traceparent: str = "",
        exclusive: bool = False,
        unserved: Callable[[], None] | None = None,
    ) -> Answer:
        """The answer to one call, an error being one too. ``caller`` is the principal that the sender has verified. ``exclusive``: a
        message of this id that is under way already is not joined; the answer is *id in flight* then, at once. ``unserved`` is called
        for every attempt that finds nobody who serves the actor."""
        message = await self._message(kind, key, check_method(method), body, options, caller, traceparent)
        message.deadline = message.sent + self._milliseconds(options.timeout)
        message.request = self._ids.new() if exclusive else ""
        return await self._caller.call(message, unserved=unserved)

    async def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        """Store one message; it is on disk when this returns. Raises `natya.errors.NatyaError`."""
        await self.store(kind, key, method, body, options)

    async def store(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        headers: Mapping[str, str] | None = None,
        *,
        caller: str = "",
        traceparent: str = "",
    ) -> int:
        """Store one message under ``options.id`` or a new id, with further headers; its sequence in the kind's mail. ``caller`` is the
        principal that the sender has verified and vouches for, which takes the right to read the platform's key."""
        message = await self._message(kind, key, check_method(method), body, options, caller, traceparent)
        until = message.sent + self._milliseconds(options.timeout)
        seal = await self._read_seal() if caller else None
        return await self._poster.post(message, until, more=strip_nats_headers(headers or {}), seal=seal)

    async def outcome(self, kind: str, key: str, id: str, *, wait: float = 0.0, timeout: float = 5.0) -> Outcome:
        """What became of the message ``id``, which was sent to be remembered (``keep``). If it is pending the answer waits for its end,
        for up to ``wait`` seconds; ``timeout`` is what it may take beyond that. Raises `natya.errors.NatyaError`."""
        until = self._clock.now_ms() + int(wait * 1000)
        body = orjson.dumps({"id": id, "until": until})
        message = await self._message(kind, key, OUTCOME, body, Options(), "", "")
        message.deadline = until + int(timeout * 1000)
        answer = await self._caller.call(message)
        if answer.ok:
            return Outcome.read(answer.body)
        match answer.error():
            case UnknownMethod() as error:
                raise Unavailable(
                    "the actor's owner runs an earlier version that tells no outcomes", retry_after=1
                ) from error
            case Unknown() as error:  # whoever only asks has nothing to be uncertain about
                raise Unavailable(error.detail, retry_after=1) from error
            case error:
                raise error

    async def written(self, kind: str, *, timeout: float = 1.0) -> int | None:
        """Up to when (ms) every turn is in the store, for all actors of a kind: whatever was answered before, and each stored message that
        had run. None if an owner does not say so within ``timeout`` seconds. Raises `UnknownKind`, `Unavailable`."""
        asked = self._clock.now_ms()
        check_kind(kind)
        until = asked + self._milliseconds(timeout)
        questions = [
            self._caller.call(Message(kind, token, number, WRITTEN, b"", sent=asked, deadline=until))
            for number, token in enumerate(a_key_of_each(await self._partitions(kind)))
        ]
        return all_written(asked, await asyncio.gather(*questions))

    async def _message(
        self, kind: str, key: str, method: str, body: bytes, options: Options, caller: str, traceparent: str
    ) -> Message:
        """A message first sent now."""
        token = encode_key(key)
        anywhere = self._routed and method not in BUILT_IN
        partition = ANYWHERE if anywhere else partition_of(token, await self._partitions(kind))
        if options.id:
            check_id(options.id)
        return Message(
            check_kind(kind), token, partition, method, body,
            id=options.id or self._ids.new(), sent=self._clock.now_ms(), keep=options.keep,
            if_version=options.if_version, caller=caller, traceparent=traceparent,
        )  # fmt: skip

    def _milliseconds(self, timeout: float | None) -> int:
        return int((self._timeout if timeout is None else timeout) * 1000)

    async def _read_seal(self) -> Seal:
        """What vouches for callers; read once, it is the same for as long as the platform lives."""
        if self._seal is None:
            try:
                self._seal = await find_seal(self._cluster)
            except LeaseUnknown as error:
                raise Unavailable("the platform's key cannot be read now", retry_after=1) from error
            if self._seal is None:
                raise Unavailable("no node has made the platform's key yet", retry_after=1)
        return self._seal

    async def state(self, kind: str, key: str, *, timeout: float | None = None) -> dict[str, Any]:
        """``{"version": n, "state": {…}}`` of one actor, from its owner. Raises `natya.errors.NatyaError`."""
        found: dict[str, Any] = orjson.loads(await self.ask(kind, key, STATE, b"", Options(timeout=timeout)))
        return found

    def follow(
        self,
        kind: type[AnyActor] | str = "",
        key: str = "",
        event: str = "",
        *,
        after: int | None = None,
        from_start: bool = False,
    ) -> AsyncGenerator[Event, None]:
        """Events as they are published, of one kind, key or name where these are given: ``async for event in platform.follow(Inbox)``.
        It begins with what comes from now on, behind sequence ``after``, or ``from_start`` with the oldest that is kept. It has no
        end; while NATS is away it waits, and then goes on without a gap. Raises `Invalid`, and `natya.ports.events.EventsGone` if
        what comes after ``after`` is not kept any more."""
        name = kind if isinstance(kind, str) else Definition.of(kind).kind
        wanted = Wanted.of(*([given] if given else [] for given in (name, key, event)))
        return follow(self._events, wanted, self._clock, after=after, from_start=from_start)

    @property
    def event_stream(self) -> EventStream:
        """The events of all kinds, for who reads them in a way of their own."""
        return self._events

    @property
    def kinds(self) -> Mapping[str, dict[str, Any]]:
        """Kind → manifest, of all kinds that are deployed."""
        return self._kinds.manifests

    @property
    def routed(self) -> bool:
        """Whether calls go to any node; what is deployed is not known then."""
        return self._routed

    @property
    def connected(self) -> bool:
        return self._bus.connected

    @property
    def connection(self) -> Bus:
        """The connection itself, for programs that are a part of the platform."""
        return self._bus

    async def _partitions(self, kind: str) -> int:
        known = self._kinds.partitions(kind)
        if known is not None:
            return known
        try:
            entry = await self._registry.get(kind)
        except LeaseUnknown as error:
            raise Unavailable("not connected to NATS", retry_after=1) from error
        if entry is None or not entry.value:
            names = ", ".join(sorted(self._kinds.manifests)) or "none"
            raise UnknownKind(f"no kind {kind!r} is deployed; there is {names}", kind=kind)
        return int(orjson.loads(entry.value)["partitions"])


@asynccontextmanager
async def connect(
    url: str | None = None,
    *,
    namespace: str | None = None,
    user: str | None = None,
    password: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    name: str = "natya client",
) -> AsyncIterator[Platform]:
    """Connect to a platform through NATS. What is not given comes from the settings (``NATYA_NATS`` and so on, by default
    ``nats://127.0.0.1:4222``). ``timeout`` is the default for calls, in seconds. Raises `ConfigurationError` if there is no NATS
    server at ``url``, `Unavailable` if no platform is on it."""
    secret = None if password is None else SecretStr(password)
    given: dict[str, Any] = {"nats": url, "namespace": namespace, "nats_user": user, "nats_password": secret}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    async with open_platform(settings, timeout=timeout, name=name) as platform:
        yield platform


@asynccontextmanager
async def open_platform(
    settings: Settings, *, timeout: float = DEFAULT_TIMEOUT, name: str = "natya client", inbox: str = ""
) -> AsyncIterator[Platform]:
    """`connect` with settings."""
    routed = settings.calls == "router"
    async with open_jetstream(settings, name=name, inbox=inbox) as jetstream:
        registry = jetstream.registry(jetstream.subjects.kinds_bucket)
        cluster = jetstream.registry(jetstream.subjects.cluster_bucket)
        kinds = KindsWatch(registry)
        try:
            if not routed:
                await kinds.start()
            yield Platform(
                jetstream.bus,
                jetstream.subjects,
                kinds,
                registry,
                cluster,
                jetstream.events,
                SystemClock(),
                RandomIds(),
                timeout,
                routed=routed,
            )
        except LeaseUnknown as error:
            raise Unavailable(f"no platform {settings.namespace!r} answers at {settings.nats_shown}: {error}") from error
        finally:
            await kinds.close()


__all__ = ["Platform", "connect", "open_platform"]
