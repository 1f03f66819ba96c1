"""The actors that ship with Natya: its demo, its tests' subject and its examples."""

from natya_actors.account import Account
from natya_actors.greeter import Greeter
from natya_actors.inbox import Inbox
from natya_actors.transfer import Transfer

__all__ = ["Account", "Greeter", "Inbox", "Transfer"]
