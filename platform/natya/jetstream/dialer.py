"""The part of nats-py that is kept: which server to connect to, the greeting, credentials and TLS, pings, connecting again.

Everything a message passes through is replaced (see `natya.jetstream.connection`): nats-py's buffer of outgoing commands and
the task that flushes it, its parser, its subscriptions and requests. The names overridden here are private to nats-py, which
is why its version is pinned.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final, Protocol

from nats.aio.client import DEFAULT_BUFFER_SIZE, Client, Srv
from nats.errors import Error, FlushTimeoutError

from natya.jetstream.wire import Wire

RETRY: Final = 0.1
"""Seconds between attempts to connect again."""

_log = logging.getLogger("natya.jetstream")


class Owner(Protocol):
    """Whoever uses the sockets that a `Dialer` makes."""

    def new_wire(self) -> Wire:
        """A socket to be connected, in the place of all earlier ones."""
        ...

    def joined(self, info: dict[str, Any]) -> None:
        """The greeting is over: messages may flow on the newest socket. ``info`` is what the server said of itself. Called for each
        connection, the first one and those after it."""
        ...

    def lost(self) -> None:
        """The connection is of no use any more. May be called again for the same one."""
        ...

    def ping(self) -> asyncio.Future[bool]:
        """Send a PING behind everything sent before; True when its PONG comes, False when the connection ends first."""
        ...


class Dialer(Client):
    """nats-py's client, reduced to making and keeping a connection for its owner."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner
        self._troubled = False
        self._hung_up = False
        self.last_problem: Exception | None = None

    async def dial(self, servers: list[str], **options: Any) -> None:
        """Connect for the first time; raises `nats.errors.Error` or `OSError` when a server refuses."""
        await self.connect(
            servers,
            error_cb=self._trouble,
            allow_reconnect=False,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY,  # type: ignore[arg-type]
            pending_size=0,
            **options,
        )
        self.options["allow_reconnect"] = True
        self._troubled = False

    def server_info(self, info: dict[str, Any]) -> asyncio.Task[None]:
        """Take in an INFO line that came later: other servers of the cluster."""
        return asyncio.create_task(self._process_info(info), name="natya server info")

    def ponged(self) -> None:
        """The server is alive."""
        self._pings_outstanding = 0

    async def hang_up(self) -> None:
        """End the connection for good and wait for nats-py's tasks."""
        self._hung_up = True
        await self.close()
        given = (self._reading_task, self._ping_interval_task, self._flusher_task, self._reconnection_task)
        tasks = [task for task in given if task is not None]
        for task in tasks:
            task.cancel()  # again: one may have lost its cancellation, or be newer than it
        await asyncio.gather(*tasks, return_exceptions=True)
        self._status = Client.CLOSED

    def _let_cancellation_through(self) -> None:
        """Before Python 3.12 `asyncio.wait_for` forgets a cancellation that comes with its result, and nats-py would go on connecting
        after the end, or beside the task that has replaced it. Raises `asyncio.CancelledError`."""
        task = asyncio.current_task()
        if self._hung_up or (task is not None and task.cancelling() > 0):
            raise asyncio.CancelledError

    async def _trouble(self, error: Exception) -> None:
        # While servers are away this is called ten times a second: the first time is worth a line.
        self.last_problem = error
        level = logging.DEBUG if self._troubled else logging.WARNING
        self._troubled = True
        _log.log(level, "NATS: %s", error or type(error).__name__)

    async def _connect_to_server(self, s: Srv) -> None:
        self._let_cancellation_through()
        s.last_attempt = time.monotonic()
        if isinstance(self._transport, Wire):
            self._transport.abort()
        self._transport = self._owner.new_wire()
        await self._transport.connect(s.uri, DEFAULT_BUFFER_SIZE, self.options["connect_timeout"])

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py encrypts if the server asks for it. Whoever sits in between could leave that out and be sent the password.
        if initial_connection and "tls" in self.options and not info.get("tls_required"):
            raise Error("nats: the server does not offer TLS, and was to be reached by it alone")
        await super()._process_info(info, initial_connection)

    async def _process_connect_init(self) -> None:
        await super()._process_connect_init()
        self._let_cancellation_through()
        if not self.is_connected:
            raise Error("nats: the server did not answer the first PING")
        self._troubled = False
        # Nothing else has run since the PONG: what the owner sends now is first.
        self._owner.joined(self._server_info)

    async def _attempt_reconnect(self) -> None:
        # nats-py goes on after the errors that it expects, and is silent for ever after any other, or after a cancellation that some
        # time-out left behind. A node that is alive and never comes back is worse than one that has ended.
        task = asyncio.current_task()
        while True:
            try:
                await super()._attempt_reconnect()
            except Exception:  # noqa: BLE001 - whatever it is, somebody has to connect again
                _log.exception("connecting to NATS again failed in a way that nobody expected; it goes on")
            replaced = self._reconnection_task is not task or (task is not None and task.cancelling() > 0)
            if replaced or self.is_connected or self.is_closed:
                return
            self._status = Client.RECONNECTING
            await asyncio.sleep(RETRY)

    async def _process_op_err(self, e: Exception) -> None:
        self._owner.lost()
        await super()._process_op_err(e)

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        self._owner.ping()

    async def flush(self, timeout: int = 10) -> None:
        try:
            async with asyncio.timeout(timeout):
                answered = await self._owner.ping()
        except TimeoutError:
            raise FlushTimeoutError from None
        if not answered:
            raise Error("nats: the connection was lost again")

    async def _flush_pending(self, force_flush: bool = False) -> None:
        """nats-py's own buffer is never used."""

    async def _flusher(self) -> None:
        """nats-py's own buffer is never used."""
