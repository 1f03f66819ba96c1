"""A subscription on a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from natya.jetstream import frames


class Subscriptions(Protocol):
    """Whoever holds the listeners."""

    def forget(self, listener: Listener) -> None: ...

    async def unsubscribe(self, listener: Listener) -> None: ...


class Listener:
    """A subscription. One with a ``lost`` callback ends with the connection; any other is made anew on the next. ``shaken`` is
    called when a server of the cluster has come or gone."""

    def __init__(
        self,
        owner: Subscriptions,
        sid: bytes,
        subject: str,
        queue: str,
        lost: Callable[[], None] | None,
        shaken: Callable[[], None] | None,
    ) -> None:
        self._owner = owner
        self.sid = sid
        self.command = frames.subscribe(subject, queue, sid)
        self.lost = lost
        self.shaken = shaken
        self.active = True

    def stop(self) -> None:
        """Stop at once: what is on its way is dropped. Does nothing the second time."""
        self._owner.forget(self)

    async def unsubscribe(self) -> None:
        """Stop with a barrier: what the server has sent until then is handled first. Does nothing the second time."""
        await self._owner.unsubscribe(self)
