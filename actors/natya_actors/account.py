"""A bank account: one number that must never be wrong."""

from pydantic import BaseModel, PositiveInt

from natya import Actor, Reject, command, query

MOST = (1 << 63) - 1
"""The largest balance: a state holds integers of 64 bit."""


class AccountState(BaseModel):
    balance: int = 0


class Balance(BaseModel):
    balance: int


class Account(Actor[AccountState], owner="sub", roles=("teller",), indexes=[[("balance", 1)]]):
    """A bank account. Its key is the account's name; amounts are whole units of money.

    It is its owner's and the tellers' alone, deposits too: their answer tells the balance. Others send a transfer.
    """

    @command
    async def deposit(self, amount: PositiveInt) -> Balance:
        """Add to the balance. Rejected as `balance_limit` if it would exceed what can be stored."""
        if amount > MOST - self.state.balance:
            raise Reject("balance_limit", f"a balance can be {MOST} at most", balance=self.state.balance)
        self.state.balance += amount
        return Balance(balance=self.state.balance)

    @command
    async def withdraw(self, amount: PositiveInt) -> Balance:
        """Take from the balance; rejected as `insufficient_funds` if there is not enough."""
        if amount > self.state.balance:
            raise Reject(
                "insufficient_funds",
                f"the balance is {self.state.balance}, {amount} cannot be withdrawn",
                balance=self.state.balance,
            )
        self.state.balance -= amount
        return Balance(balance=self.state.balance)

    @query
    async def balance(self) -> Balance:
        """The balance as of now."""
        return Balance(balance=self.state.balance)
