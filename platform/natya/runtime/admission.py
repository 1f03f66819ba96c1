"""One message, one effect: what is let in, what is answered from memory, what cannot be told.

Every message with an id is looked up among those pending and those done. Pending: it waits for that outcome. Done: it gets
that answer, from the journal. Absent and first sent within the index's coverage: it is new. Absent and older: the remembered
outcomes in the store decide if its sender asked for that (``Natya-Keep``) and the time is not over, else older journal is read back
while there is any, and only if even that does not reach far enough the answer is *outcome unknown*. It is never run a second time.

An answer from memory leaves after an append, like every answer to a command: only the append proves that this node still owns the
partition.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from natya.errors import (
    DeadlineExceeded,
    IdInFlight,
    Invalid,
    Moved,
    NatyaError,
    Overloaded,
    UnknownMethod,
)
from natya.message import DEFAULT_DEADLINE_MS, ID, Answer, Message, Waiter, digest_of
from natya.ports.mail import Letter
from natya.runtime.commit import Committer
from natya.runtime.execution import Execution, id_reused
from natya.runtime.failures import Failures
from natya.runtime.index import Index
from natya.runtime.letters import MAIL_ID, aftermath, own_id, read_letter
from natya.runtime.query import STATE, Query
from natya.runtime.recollection import Recollection
from natya.runtime.remembered import Remembered
from natya.runtime.stage import Stage
from natya.runtime.trials import Trials
from natya.runtime.turn import STRAY, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from natya.manifest import Definition, Method
    from natya.vouch import Seal


class Admission:
    """Lets the messages of one partition in. ``enquiries`` are what can be asked of the partition itself, ``seal`` checks who a stored
    message's caller is; ``closed`` says that new turns must be refused for now, because too much is unwritten or unsent; ``refused`` are
    calls without a turn, with the answers that wait for a commit."""

    def __init__(
        self,
        stage: Stage,
        index: Index,
        remembered: Remembered,
        committer: Committer,
        execution: Execution,
        trials: Trials,
        plain: frozenset[str],
        *,
        enquiries: Mapping[str, Callable[[Message, Waiter], None]],
        seal: Seal,
    ) -> None:
        self._stage = stage
        self._index = index
        self.recollection = Recollection(stage, index, remembered, self._set_apart)
        self._enquiries = enquiries
        self._seal = seal
        self._committer = committer
        self._execution = execution
        self._trials = trials
        self._plain = plain
        self._methods = stage.definition.methods
        self._limit = stage.world.settings.partition_limit
        self.pending: dict[tuple[str, str], Turn] = {}
        self._looked_up: dict[Turn, list[Waiter]] = {}
        self.refused: deque[tuple[Waiter, Answer]] = deque()
        self.failures = Failures(stage.world.clock)
        self.closed = False
        self.dropped = False

    def accept(self, message: Message, waiter: Waiter) -> None:
        """Take in a call; its waiter is told the answer, perhaps at once."""
        if self.dropped:
            waiter(MOVED)
            return
        if not message.deadline:
            message.deadline = message.arrived + DEFAULT_DEADLINE_MS
        elif message.deadline <= message.arrived:
            waiter(Answer.of(DeadlineExceeded("the deadline had passed when the message arrived; it was not run")))
            return
        try:
            method = self._methods.get(message.method)
            if method is None:
                if (enquiry := self._enquiries.get(message.method)) is not None:
                    enquiry(message, waiter)
                    return
                self._built_in(message.method)
            if method is None or method.query:
                arguments = method.parse(message.body) if method is not None else {}
                self._enquire(Query(message, method, arguments, waiter))
                return
            self._command(message, method, waiter)
        except NatyaError as error:
            waiter(Answer.of(error))

    def _enquire(self, query: Query) -> None:
        message = query.message
        if self._trials.on and message.id and self._trials.suspects(message, message.sent):
            self._trials.enquire(query, self._execution.enquire)
        else:
            self._execution.enquire(query)

    def deliver(self, letter: Letter, attempt: int) -> bool:
        """Take in a stored message; False if it must come again later: its actor cannot take it now, or another message of its
        id is under way."""
        stage = self._stage
        now = stage.world.clock.now_ms()
        definition = stage.definition
        message, trouble, stray = read_letter(
            stage.world.subjects.namespace, definition.kind, stage.partition, definition.partitions, letter, now, self._seal
        )
        turn = Turn(message, None, {}, digest_of(message.method, message.body), None)
        turn.attempts = attempt
        if stray:
            assert trouble is not None
            self._put_aside(turn, Answer.of(trouble))
            return True
        if trouble is not None:
            turn.verdict = Answer.of(trouble)
        else:
            try:
                method = self._told(message.method)
                turn.arguments = method.parse(message.body)
                turn.method = method
                turn.plain = method.name in self._plain
            except NatyaError as error:
                turn.verdict = Answer.of(error)
        place = (message.token, message.id)
        if place in self.pending:
            return False
        if message.id.startswith(MAIL_ID):
            turn.unsure = bool(self._index.find(*place))
        else:
            turn.unsure = bool(message.keep) or not self._index.is_new(message.token, message.id, message.sent)
        self.pending[place] = turn
        if self._trials.on:
            self._suspect(turn, letter.time)
        if self._execution.enqueue(turn):
            return True
        self.forget(turn)
        return False

    def _put_aside(self, turn: Turn, answer: Answer) -> None:
        """A letter that is to no actor: it is no actor's turn, only a dead letter and a step of the position."""
        turn.settle(answer, version=STRAY, mail=0, state=None, outgoing=aftermath(self._stage, turn, answer))
        self._committer.add(turn)

    def _built_in(self, name: str) -> None:
        """Raises `UnknownMethod` unless ``name`` is the query that all actors with a state have."""
        if name != STATE or self._stage.definition.stateless:
            raise unknown_method(self._stage.definition, name)

    def _told(self, name: str) -> Method:
        method = self._methods.get(name)
        if method is None:
            self._built_in(name)
        if method is None or method.query:
            raise Invalid(f"{name!r} is a query: it changes nothing, so it cannot be told, only asked", field="method")
        return method

    def _command(self, message: Message, method: Method, waiter: Waiter) -> None:
        if not message.id:
            raise Invalid(f"a call without {ID}: only natya.ask gives ids", field=ID)
        place = (message.token, message.id)
        digest = digest_of(message.method, message.body)
        pending = self.pending.get(place)
        if pending is not None:
            self._join(pending, message, digest, waiter)
            return
        if self.failures and (failure := self.failures.after(message)) is not None:
            self._refuse(waiter, failure)
            return
        turn = Turn(message, method, method.parse(message.body), digest, waiter, plain=method.name in self._plain)
        if self._trials.on:
            self._suspect(turn, message.sent)
        if message.keep or not self._index.is_new(message.token, message.id, message.sent):
            if len(self.pending) >= self._limit:
                waiter(OVERLOADED)
                return
            self.pending[place] = turn
            self._looked_up[turn] = []
            self._stage.spawn(self._recall(turn))
            return
        self._admit(turn)

    def _join(self, pending: Turn, message: Message, digest: str, waiter: Waiter) -> None:
        """A message whose id is under way: it gets that outcome, unless it is another message. One of another request that would rather not
        wait for that hears so at once, or when it is known that there is no outcome yet."""
        joining = waiter if pending.digest == digest else partial(_instead, waiter, Answer.of(id_reused(pending)))
        if not message.request or message.request == pending.message.request or pending.verdict is not None:
            pending.waiters.append(joining)  # where the outcome is known already, only its proof is awaited
        elif (others := self._looked_up.get(pending)) is not None:
            pending.waiters.append(joining)
            others.append(joining)
        else:
            self._refuse(joining, IN_FLIGHT)

    def _refuse(self, waiter: Waiter, answer: Answer) -> None:
        """Answer a call that has no turn of its own, once all before it is committed."""
        self.refused.append((waiter, answer))
        self._committer.barrier(self._answer_refused)

    def _answer_refused(self) -> None:
        if self.refused:
            waiter, answer = self.refused.popleft()
            waiter(answer)

    def _suspect(self, turn: Turn, time: int) -> None:
        """If the message may have ended a process it does not run on the spot."""
        if self._trials.suspects(turn.message, time):
            turn.suspect = True
            turn.plain = False

    def _admit(self, turn: Turn) -> None:
        """A new command: it is pending from now on, and then run."""
        message = turn.message
        place = (message.token, message.id)
        self.pending[place] = turn
        if self.closed or len(self.pending) > self._limit or not self._execution.enqueue(turn):
            self.forget(turn)
            turn.reply(OVERLOADED)

    def forget(self, turn: Turn) -> None:
        """The turn is committed, or ended without an outcome: it is pending no more."""
        place = (turn.message.token, turn.message.id)
        if self.pending.get(place) is turn:
            del self.pending[place]

    async def _recall(self, turn: Turn) -> None:
        """An old or repeated command: answer it from memory, or admit it if it proves to be new."""
        await self.recollection.resolve(turn)
        others = self._looked_up.pop(turn)
        if turn.verdict is None:
            turn.waiters = [waiter for waiter in turn.waiters if waiter not in others]
            for waiter in others:
                self._refuse(waiter, IN_FLIGHT)
            self._admit(turn)
            return
        answer = turn.verdict
        self._committer.barrier(partial(self._answer, turn, answer))

    def _answer(self, turn: Turn, answer: Answer) -> None:
        self.forget(turn)
        turn.reply(answer)

    def _set_apart(self, turn: Turn) -> None:
        """A letter under the id of another message is journaled under an id of its own: what is known of the other one stays."""
        self.forget(turn)
        turn.message.id, turn.message.keep = own_id(turn.message), 0
        self.pending[turn.message.token, turn.message.id] = turn


def _instead(waiter: Waiter, answer: Answer, _: Answer) -> None:
    waiter(answer)


MOVED = Answer.of(Moved("the partition has another owner now", retry_after=0))
IN_FLIGHT = Answer.of(
    IdInFlight("a request with this id is under way; repeat with the same id to learn its outcome", retry_after=1)
)
OVERLOADED = Answer.of(Overloaded("too many messages wait here; repeat in a moment", retry_after=1))


def unknown_method(definition: Definition, name: str) -> UnknownMethod:
    """The error for a method that a kind does not have; it names those it has."""
    names = sorted(definition.methods)
    return UnknownMethod(f"{definition.kind} has no method {name!r}; it has {', '.join(names)}", methods=names)
