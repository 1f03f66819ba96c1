"""The actors of one partition that are in memory, and their way in and out.

An actor comes from the fold (what the journal says since the checkpoint), from its snapshot, or is new. Loads are
single-flight per key and read in bulk. It leaves when it is idle and its last write is acknowledged, never before; a message
that arrives first keeps it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from natya.actor import Actor
from natya.errors import NatyaError, Unavailable
from natya.names import decode_key
from natya.ports.snapshots import Snapshot, SnapshotsUnavailable
from natya.runtime.activation import Activation, Phase
from natya.runtime.fold import Folded
from natya.runtime.stage import Stage
from natya.telemetry.events import ActorActivated, ActorNotLoaded, ActorPassivated

LOAD_BULK = 500
LOADS_IN_FLIGHT = 4


class SnapshotAhead(Exception):
    """Raised when a document is later than the journal of the partition that owns it."""

    def __init__(self, key: str, snapshot: int) -> None:
        super().__init__(f"the snapshot of {key!r} is as of journal sequence {snapshot}")
        self.key = key
        self.snapshot = snapshot


class Catalog:
    """Token → activation. ``ready`` is called when an activation can run what waits for it, ``refuse`` when it cannot be
    brought into memory now, ``delayed`` each time that the store does not answer; ``ahead`` judges a snapshot that is later
    than the journal's last record; ``waking`` is around users' `on_activate`."""

    def __init__(
        self,
        stage: Stage,
        folded: dict[str, Folded],
        *,
        store_mark: str,
        last: Callable[[], int],
        ahead: Callable[[str, int], Awaitable[None]],
        ready: Callable[[Activation], None],
        refuse: Callable[[Activation, NatyaError], None],
        delayed: Callable[[Activation, NatyaError], None],
        waking: Callable[[Activation], AbstractAsyncContextManager[None]],
    ) -> None:
        self._stage = stage
        self._folded = folded
        self._mark = store_mark
        self._last = last
        self._ahead = ahead
        self._ready = ready
        self._refuse = refuse
        self._delayed = delayed
        self._waking = waking
        self._wanted: dict[str, Activation] = {}
        self._wake = asyncio.Event()
        self._hooked = stage.definition.actor.on_activate is not Actor.on_activate
        self.activations: OrderedDict[str, Activation] = OrderedDict()

    def __len__(self) -> int:
        return len(self.activations)

    def touch(self, token: str) -> Activation:
        """The actor's activation, now the most recently used; its load is begun if it has to be."""
        activation = self.activations.get(token)
        if activation is not None:
            self.activations.move_to_end(token)
            return activation
        activation = self.activations[token] = Activation(token)
        folded = self._folded.get(token)
        if folded is not None and (folded.state is not None or self._stage.definition.stateless) and not self._hooked:
            self._bring_in(activation, None)
        else:
            self._wanted[token] = activation
            self._wake.set()
        return activation

    async def run(self) -> None:
        """Load what is wanted until cancelled. Raises `SnapshotAhead`."""
        async with asyncio.TaskGroup() as loads:
            flying = asyncio.Semaphore(LOADS_IN_FLIGHT)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._wanted:
                    await flying.acquire()
                    some = dict(list(self._wanted.items())[:LOAD_BULK])
                    for token in some:
                        del self._wanted[token]
                    loads.create_task(self._load(some)).add_done_callback(lambda _: flying.release())

    async def _load(self, wanted: dict[str, Activation]) -> None:
        stage = self._stage
        keys = {decode_key(token): token for token in wanted}
        found: dict[str, Snapshot] = {}
        pause = 0.05
        while True:
            try:
                found = await stage.world.snapshots.load(stage.definition.kind, list(keys), after=self._mark)
                break
            except SnapshotsUnavailable as error:
                for activation in (*wanted.values(), *self._wanted.values()):
                    stage.world.telemetry.raise_event(ActorNotLoaded(stage.definition.kind, activation.token, str(error)))
                    self._delayed(activation, Unavailable(f"the actor cannot be loaded: {error}"))
                await stage.world.clock.sleep(pause)
                pause = min(pause * 2, 2.0)
        for key, token in keys.items():
            activation = wanted[token]
            snapshot = found.get(key)
            if activation.phase is not Phase.LOADING:
                continue
            if snapshot is not None and snapshot.journal > self._last():
                await self._ahead(key, snapshot.journal)
            try:
                self._bring_in(activation, snapshot)
            except NatyaError as error:
                self._give_up(activation, error)
            else:
                if self._hooked:
                    stage.spawn(self._wake_up(activation))
                else:
                    self._ready(activation)

    async def _wake_up(self, activation: Activation) -> None:
        """Call the user's hook. It may take as long as a turn, and holds up nobody else."""
        stage = self._stage
        limit = stage.world.settings.turn_limit
        try:
            async with self._waking(activation):
                await stage.world.clock.wait_for(activation.actor.on_activate(), limit)
        except NatyaError as error:
            self._give_up(activation, error)
        except TimeoutError:
            self._give_up(activation, Unavailable(f"on_activate took more than {limit:g} s"))
        except Exception as error:  # noqa: BLE001 - the turn boundary: the hook is a user's code
            self._give_up(activation, Unavailable(f"on_activate raised {error!r}"))
        else:
            self._is_ready(activation)
            self._ready(activation)

    def _give_up(self, activation: Activation, error: NatyaError) -> None:
        self._stage.world.telemetry.raise_event(ActorNotLoaded(self._stage.definition.kind, activation.token, str(error)))
        activation.phase = Phase.GONE
        self.activations.pop(activation.token, None)
        self._refuse(activation, error)

    def _bring_in(self, activation: Activation, snapshot: Snapshot | None) -> None:
        """Make the user's object from what is known. Raises `StateTooNew`, `StateUnreadable`."""
        definition = self._stage.definition
        folded = self._folded.get(activation.token)
        data, schema, source = None, definition.schema, "new"
        if snapshot is not None:
            data, schema, source = snapshot.state, snapshot.schema, "snapshot"
            activation.version, activation.mail = snapshot.version, snapshot.mail
        if folded is not None:
            activation.version, activation.mail = folded.version, folded.mail
            if folded.state is not None:
                data, schema, source = folded.state, folded.schema, "journal"
        key = decode_key(activation.token)
        if definition.stateless:
            activation.actor = definition.instance(key, None)
        else:
            state = definition.thaw(data, schema)
            if data is not None:
                activation.frozen = data if schema == definition.schema else definition.freeze(state)
            activation.actor = definition.instance(key, state)
        if not self._hooked:
            self._is_ready(activation)
        self._stage.world.telemetry.raise_event(ActorActivated(definition.kind, source))

    def _is_ready(self, activation: Activation) -> None:
        """Only now is what the journal says of the actor not needed any more."""
        self._folded.pop(activation.token, None)
        activation.phase = Phase.READY

    def written(self, tokens: list[str]) -> None:
        """These are stored as of some turn: those that are idle rest."""
        if self._stage.definition.stateless:
            return
        for token in tokens:
            if (activation := self.activations.get(token)) is not None:
                activation.rest()

    def passivate(self, now: float, *, unwritten: Callable[[str], bool]) -> None:
        """Let idle actors go, least recently used first: those not used for the kind's ``idle_after``, and more if there are too
        many. An actor whose last turns are unwritten stays."""
        settings = self._stage.world.settings
        idle_after = self._stage.definition.idle_after or settings.idle_after
        surplus = len(self.activations) - settings.residents_limit
        for token in list(self.activations)[: max(surplus, 1_000)]:
            activation = self.activations[token]
            if surplus <= 0 and now - activation.used < idle_after:
                return
            if not activation.idle or unwritten(token):
                continue
            activation.phase = Phase.GONE
            del self.activations[token]
            surplus -= 1
            self._stage.world.telemetry.raise_event(ActorPassivated(self._stage.definition.kind))
