"""The seam where trouble comes in. The adapters ask here about every single thing that goes over a connection.

Requests to the server travel under the subjects they have on NATS: appends under ``natya.journal.…``, key-value writes
under ``$KV.<bucket>.<key>``, reads and purges under ``$JS.API.…``.
"""

from __future__ import annotations


class Faults:
    """No faults at all; a simulator overrides what it wants to go wrong.

    Delays are seconds on the broker's clock. A connection is one ordered stream each way: a delayed message holds back
    what follows it on the same connection, and lets other connections overtake.
    """

    def sending(self, connection: str, subject: str) -> float | None:
        """Delay of what ``connection`` sends to the server; None loses it. A lost or late append is one that timed out
        and did not, or only later did, take effect."""
        return 0.0

    def delivering(self, connection: str, subject: str) -> float | None:
        """Delay of what the server sends to ``connection``: a message, or the server's own answer (an acknowledgement, *no
        responders*) under the subject of what it answers. None loses it: a lost answer is an append or write that took
        effect unseen. The events of a watch are numbered and are sent again at once if lost."""
        return 0.0

    def full(self, subject: str) -> bool:
        """Whether the server has no room to store what is sent under ``subject``."""
        return False
