"""The server's socket, with a doorman at it."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from natya.errors import ConfigurationError
from natya_edge.guard.connection import Connection
from natya_edge.guard.doorman import Doorman
from natya_edge.guard.not_http import MAX_FIELD, MAX_FIELDS, MAX_URL
from natya_edge.load.front import Front

HTTP: Final[Mapping[str, Any]] = {
    "access_log": None,
    "auto_decompress": False,  # compressed bodies are refused, so nothing small can grow here
    "keepalive_timeout": 3_600.0,  # the doorman is stricter
    "lingering_time": 2.0,  # to read what is left of a body, so that a client sees why it was refused
    "max_line_size": MAX_URL,
    "max_field_size": MAX_FIELD,
    "max_headers": MAX_FIELDS,
}
"""How aiohttp is set up."""

_BACKLOG: Final = 1_024
_OTHER_FILES: Final = 64

_log = logging.getLogger("natya.edge")


def allow_connections(wanted: int) -> None:
    """Raise the number of files that this process may have open, as far as it may, to what ``wanted`` connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    if hard < needed:
        _log.warning("only %d files may be open: %d connections need %d (ulimit -n)", hard, wanted, needed)


@asynccontextmanager
async def listening(runner: web.AppRunner, doorman: Doorman, front: Front, host: str, port: int) -> AsyncIterator[str]:
    """Take connections for a runner that is set up; the URL. At the end none is taken any more, while those that are there go on.
    Raises `ConfigurationError`."""
    server = runner.server
    assert server is not None
    make_request = server.request_factory
    server.request_handler = front.before(server.request_handler)

    def taken(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        protocol.taken()
        return make_request(message, payload, protocol, writer, task)

    server.request_factory = taken
    loop = asyncio.get_running_loop()
    async with doorman:
        try:
            sockets = await loop.create_server(
                lambda: Connection(server, doorman, front, loop=loop, **HTTP), host, port, backlog=_BACKLOG
            )
        except OSError as error:
            raise ConfigurationError(f"the edge cannot listen on {host}:{port}: {error.strerror or error}") from error
        try:
            bound, number = sockets.sockets[0].getsockname()[:2]
            yield f"http://{f'[{bound}]' if ':' in bound else bound}:{number}"
        finally:
            sockets.close()
