"""Every event that the runtime raises: a documented interface. Times are seconds, sizes bytes; no keys as metric labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class TurnFinished(Event):
    """A command's handler ended (not yet committed). ``outcome``: ``ok``, the error's slug, or ``rejected`` for a `Reject`;
    ``seconds`` from the handler's start to its end."""

    kind: str
    method: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class QueryFinished(Event):
    """A query's handler ended. ``outcome`` as for turns."""

    kind: str
    method: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HandlerFailed(Event):
    """A handler raised something that is not an answer. ``error_id`` is also in the caller's problem document."""

    kind: str
    key: str
    method: str
    error_id: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class BatchCommitted(Event):
    """An append was acknowledged. ``seconds`` from its first sending to the acknowledgement."""

    kind: str
    partition: int
    sequence: int
    turns: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnTraced(Event):
    """A turn whose message came with a sampled W3C trace context ended; raised only while spans are made. ``context`` is the
    turn's own ``traceparent``, ``parent`` its message's, ``state`` the ``tracestate``; the rest as in `TurnFinished`."""

    kind: str
    key: str
    method: str
    outcome: str
    seconds: float
    context: str
    parent: str
    state: str


@dataclass(frozen=True, slots=True)
class CommitTraced(Event):
    """The batch of a traced turn was acknowledged. ``parent`` is the turn's ``traceparent``; the rest as in `BatchCommitted`."""

    kind: str
    partition: int
    sequence: int
    turns: int
    seconds: float
    parent: str
    state: str


@dataclass(frozen=True, slots=True)
class AppendRetried(Event):
    """An append got no certain answer and is sent again. ``reason`` is the adapter's text."""

    kind: str
    partition: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fenced(Event):
    """An append was refused because another owner has written: the partition's memory here is dropped."""

    kind: str
    partition: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PartitionClaimed(Event):
    """The owner key of a partition was won; recovery begins."""

    kind: str
    partition: int
    epoch: int
    forced: bool


@dataclass(frozen=True, slots=True)
class PartitionRecovered(Event):
    """The partition serves. ``records`` journal records and ``actors`` were read back, ``outgoing`` are sent again;
    ``seconds`` since the claim."""

    kind: str
    partition: int
    epoch: int
    records: int
    actors: int
    outgoing: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PartitionReleased(Event):
    """The partition is no longer served here. ``reason``: ``released`` (another should have
    it, or this node drains), ``fenced``, ``stopped`` (its journal takes or holds nothing good), ``unreachable``, ``failed``."""

    kind: str
    partition: int
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class JournalLost(Event):
    """A snapshot is later than its journal: the journal was restored from an older copy or lost. The partition stops."""

    kind: str
    partition: int
    key: str
    snapshot: int
    journal: int


@dataclass(frozen=True, slots=True)
class LeaseLost(Event):
    """This incarnation's lease ended; everything is dropped and the node joins anew. ``reason`` says how it was noticed."""

    incarnation: str
    reason: str


@dataclass(frozen=True, slots=True)
class MemberJoined(Event):
    """This node joined as ``incarnation``."""

    incarnation: str


@dataclass(frozen=True, slots=True)
class MemberEnded(Event):
    """This node has proved that another incarnation has ended: what that owned may be taken. ``reason`` says what the proof is."""

    incarnation: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandedOver(Event):
    """This node gave a partition to ``successor``. ``held`` is for how many seconds calls waited for that, ``forwarded`` how many
    calls were sent on."""

    kind: str
    partition: int
    successor: str
    held: float
    forwarded: int


@dataclass(frozen=True, slots=True)
class NobodyCanRead(Event):
    """States of this kind were written in form ``schema``, and no node that is there reads it: nobody serves ``partitions`` of its
    partitions until such a node comes."""

    kind: str
    schema: int
    partitions: int


@dataclass(frozen=True, slots=True)
class ActorActivated(Event):
    """An actor was brought into memory. ``source``: ``journal``, ``snapshot`` or ``new``."""

    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class ActorPassivated(Event):
    """An idle actor left memory."""

    kind: str


@dataclass(frozen=True, slots=True)
class ActorNotLoaded(Event):
    """An actor's document could not be loaded or is of no use here. ``reason`` says why."""

    kind: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class TellRetried(Event):
    """A tell failed and will be tried again in ``delay`` seconds."""

    kind: str
    method: str
    attempt: int
    delay: float
    slug: str


@dataclass(frozen=True, slots=True)
class DeadLettered(Event):
    """A message was given up and stored as a dead letter: a tell after its attempts, any message that keeps ending processes."""

    kind: str
    key: str
    method: str
    slug: str
    attempts: int


@dataclass(frozen=True, slots=True)
class SuspectAlone(Event):
    """A message that was about to run when a process ended runs again, alone on its node."""

    kind: str
    key: str
    method: str


@dataclass(frozen=True, slots=True)
class OutgoingRetried(Event):
    """A tell, event or dead letter could not be stored and is sent again. ``reason`` is the adapter's text."""

    kind: str
    partition: int
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotsWritten(Event):
    """A bulk of documents was acknowledged."""

    kind: str
    documents: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SnapshotsFailed(Event):
    """A bulk of documents was not acknowledged; it is tried again. ``pending`` actors are unwritten."""

    kind: str
    pending: int
    reason: str


@dataclass(frozen=True, slots=True)
class PartitionGauges(Event):
    """The state of a running partition, told every second. ``mailbox`` messages wait in memory, ``behind`` keys read their
    mail later, ``lag`` is the age of the oldest unwritten snapshot and ``coverage`` how far the id index reaches back, both
    in seconds; ``index`` ids are known."""

    kind: str
    partition: int
    residents: int
    mailbox: int
    behind: int
    unwritten: int
    lag: float
    coverage: float
    index: int
    outgoing: int


@dataclass(frozen=True, slots=True)
class NodeGauges(Event):
    """The state of the node, told every second. ``loop_lag`` is how late the loop woke, in seconds."""

    loop_lag: float
    partitions: int
    lease_left: float


@dataclass(frozen=True, slots=True)
class Connection(Event):
    """The NATS connection changed: ``state`` is ``connected`` or ``disconnected``."""

    state: str
    server: str


@dataclass(frozen=True, slots=True)
class LoopBlocked(Event):
    """The loop did not run for ``seconds``; ``where`` names the handler or the code that held it."""

    seconds: float
    where: str
