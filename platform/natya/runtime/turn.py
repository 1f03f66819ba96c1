"""A turn: one command from its admission to its commit."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from natya.message import Answer, Message, Outgoing, Waiter
from natya.runtime.batch import encode_answer, encode_outgoing

if TYPE_CHECKING:
    from natya.manifest import Method

STRAY = -1
"""The version in the line of a letter that was to no actor."""

LINE_BYTES = 250
"""What a turn's line takes beside its answer, state and outgoing messages: an upper bound for short names."""


class Turn:
    """One command on its way: queued, run, in a batch, committed.

    ``waiters`` get the answer after the commit; a repeat of the message that comes meanwhile adds one. ``started`` is the time
    (ms) that the journal has for the turn's first call to another actor, 0 if it has made none; it also is those calls' first
    sent time, so that a second run repeats them with the same ids and times.

    ``method`` is None where it is known that no handler will run. ``plain``: the handler never suspends.
    ``unsure``: it must be looked up whether the message was done before; ``repeated``: it was. ``verdict`` is an outcome known
    without running the handler. ``after`` are readers who
    have seen this turn's state and wait for its commit. ``suspect``: the message may have ended a process (see `trials`);
    ``tried``: its coming run is counted; ``condemned``: it is not run again. ``parent`` is the trace context that the message came with, if spans are
    made: the message's then is the turn's own.
    """

    after: list[tuple[Waiter, Answer]] | None = None
    answer: Answer | None = None
    attempts: int = 1
    condemned: bool = False
    expired: bool = False
    mail: int = 0
    outgoing: list[Outgoing] | None = None
    parent: str = ""
    repeated: bool = False
    sequence: int = 0
    size: int = 0
    started: int = 0
    state: bytes | None = None
    suspect: bool = False
    tried: bool = False
    unsure: bool = False
    verdict: Answer | None = None
    version: int = 0

    def __init__(
        self,
        message: Message,
        method: Method | None,
        arguments: dict[str, Any],
        digest: str,
        waiter: Waiter | None,
        *,
        plain: bool = True,
    ) -> None:
        self.message = message
        self.method = method
        self.arguments = arguments
        self.digest = digest
        self.waiters: list[Waiter] = [] if waiter is None else [waiter]
        self.deadline = message.deadline
        self.plain = plain

    def settle(
        self, answer: Answer, *, version: int, mail: int, state: bytes | None, outgoing: list[Outgoing] | None
    ) -> None:
        """The turn has ended with this outcome, the actor's ``version`` and last ``mail`` sequence being as of its end;
        ``state`` is None if it has not changed."""
        self.answer = answer
        self.version = version
        self.mail = mail
        self.state = state
        self.outgoing = outgoing
        size = LINE_BYTES + len(answer.body) + len(self.message.id) + len(self.message.token)
        if state is not None:
            size += len(state)
        if outgoing:
            size += sum(len(out.body) + len(out.subject) + 300 for out in outgoing)
        self.size = size

    def line(self) -> dict[str, Any]:
        """The turn's line in its batch."""
        message = self.message
        line: dict[str, Any] = {
            "key": message.token,
            "v": self.version,
            "m": self.mail,
            "id": message.id,
            "hash": self.digest,
            "method": message.method,
        }
        assert self.answer is not None
        encode_answer(line, self.answer)
        if message.keep:
            line["keep"] = message.keep
            line["sent"] = message.sent
        if self.outgoing:
            line["out"] = [encode_outgoing(out) for out in self.outgoing]
        return line

    def reply(self, answer: Answer) -> None:
        """Answer everybody who waits, once."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter(answer)


def ask_prefix(message: Message) -> str:
    """The ids of calls made in a turn begin with this: the turn's own id is only unique within its kind and key."""
    whole = f"{message.kind}/{message.token}/{message.id}"
    return blake2b(whole.encode(), digest_size=16).hexdigest()
