"""Money from one account to another, so that none is lost or made, whatever dies in between.

A transfer is an actor of its own. `start` only writes down what is to happen and sends the transfer its first message; each
later step is one turn with exactly one ask, and its commit sends the message for the next:

    start ─▶ withdrawing ─▶ depositing ─▶ done
                  │              └──────▶ returning ─▶ returned      (the target says no)
                  └─▶ refused                                        (the source says no)

- *A step dies after its ask and before its commit.* Its message is stored, so the step runs again, and its ask carries the
  same id as the first time: the account answers as it did then, and nothing moves twice.
- *The source says no.* A `Permanent` error is final and means that nothing happened: the transfer is refused.
- *The outcome of an ask is unknown, or the account cannot be reached.* The step fails and its message is tried again, later;
  given up, it becomes a dead letter, and the transfer stays where it is until that is replayed. It never guesses.

Between the two asks the amount is in neither account: balances add up to the same total whenever no transfer is under way.
"""

from enum import StrEnum

from pydantic import BaseModel, PositiveInt

from natya import Actor, Permanent, Reject, command, query
from natya_actors.account import Account


class Phase(StrEnum):
    NEW = "new"
    WITHDRAWING = "withdrawing"
    DEPOSITING = "depositing"
    RETURNING = "returning"
    DONE = "done"
    REFUSED = "refused"
    RETURNED = "returned"


class TransferState(BaseModel):
    """``reason`` is the slug of the error that kept a transfer from succeeding."""

    phase: Phase = Phase.NEW
    source: str = ""
    target: str = ""
    amount: int = 0
    reason: str = ""


class Transfer(Actor[TransferState], owner="sub", roles=("teller",), indexes=[[("phase", 1)]]):
    """Moves an amount between two accounts, once. Its key names the transfer: take a new one for each.

    From the web it is started by the owner of the source, under a key of theirs: `alice~rent-november` for instance.
    """

    @command(owned=("source",))
    async def start(self, source: str, target: str, amount: PositiveInt) -> TransferState:
        """Begin. Repeated with the same arguments it changes nothing and says how far the transfer is; with others it is
        rejected as `transfer_exists`."""
        state = self.state
        if state.phase is Phase.NEW:
            if source == target:
                raise Reject("same_account", "a transfer needs two different accounts")
            state.source, state.target, state.amount = source, target, amount
            self._next(Phase.WITHDRAWING)
        elif (source, target, amount) != (state.source, state.target, state.amount):
            raise Reject("transfer_exists", f"{self.key} moves {state.amount} from {state.source} to {state.target}")
        return self.state

    @command(scope="internal")
    async def proceed(self, phase: Phase) -> None:
        """Take the step of ``phase``. The transfer sends this to itself; a step that is over is not taken again."""
        state = self.state
        if phase is not state.phase:
            return
        match phase:
            case Phase.WITHDRAWING:
                try:
                    await self.actor(Account, state.source).withdraw(amount=state.amount)
                except Permanent as no:
                    self._end(Phase.REFUSED, no.slug)
                else:
                    self._next(Phase.DEPOSITING)
            case Phase.DEPOSITING:
                try:
                    await self.actor(Account, state.target).deposit(amount=state.amount)
                except Permanent as no:
                    state.reason = no.slug
                    self._next(Phase.RETURNING)
                else:
                    self._end(Phase.DONE)
            case Phase.RETURNING:
                await self.actor(Account, state.source).deposit(amount=state.amount)
                self._end(Phase.RETURNED, state.reason)

    @query
    async def status(self) -> TransferState:
        """How far the transfer is."""
        return self.state

    def _next(self, phase: Phase) -> None:
        self.state.phase = phase
        self.tell(Transfer, self.key, "proceed", phase=phase)

    def _end(self, phase: Phase, reason: str = "") -> None:
        self.state.phase = phase
        self.state.reason = reason
        self.emit("ended", self.state)
