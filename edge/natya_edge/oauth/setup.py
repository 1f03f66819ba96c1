"""Puts the authorisation server into the application, with what runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from natya.clock import Clock
from natya_edge.keys import KEYRING, OAUTH, SETTINGS, STORE, TOKENS
from natya_edge.oauth.assembly import make_server
from natya_edge.oauth.passwords import Passwords
from natya_edge.oauth.revocations import Revocations


def add_oauth(app: web.Application, revocations: Revocations, clock: Clock) -> None:
    """From the start of the application to its end passwords can be checked, and ``revocations`` are kept as the store has them. The
    application must have settings, store, keyring and tokens by now."""
    edge = app[SETTINGS]
    passwords = Passwords(workers=edge.password_workers, queue=edge.password_queue)
    app[OAUTH] = make_server(
        edge,
        app[STORE].records,
        clock,
        passwords=passwords,
        revocations=revocations,
        signer=app[KEYRING],
        verifier=app[TOKENS],
    )

    async def running(app: web.Application) -> AsyncIterator[None]:
        async with passwords:
            reading = asyncio.create_task(revocations.keep_reading(edge.revocations_every), name="revocations")
            yield
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                await reading  # it ends by a bug only, which must not be silent

    app.cleanup_ctx.append(running)
