"""The client with which one logs in to the edge of ``natya up``: for the page at ``/docs``, for scripts, for trying things out.

It may do everything, and its secret lies in the data folder: the edge of ``natya up`` listens on this machine alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypedDict

from natya.errors import ConfigurationError
from natya.settings import Settings

ID: Final = "dev"
FILE: Final = "dev.secret"


class DevClient(TypedDict):
    """What ``natya up`` tells of it."""

    id: str
    secret: str


async def provide_dev_client(settings: Settings, folder: Path) -> DevClient:
    """See that the client is in the store, with the secret that ``folder`` has. One that was disabled stays so. Raises
    `ConfigurationError`."""
    from natya_edge.oauth.accounts import Grant
    from natya_ops.accounts import open_administration

    secret = _secret(folder / FILE)
    async with open_administration(settings) as admin:
        found = await admin.clients.get(ID)
        if found is None:
            await admin.add_client(ID, Grant, (), ("operator",), secret=secret)
        elif not found.proves(secret):
            await admin.set_secret(ID, secret)
    return DevClient(id=ID, secret=secret)


def _secret(file: Path) -> str:
    """The secret in ``file``; made when there is none."""
    from natya_edge.oauth.accounts import new_secret

    try:
        try:
            opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            secret = file.read_text().strip()
            if not secret:
                raise ConfigurationError(f"{file} is empty: delete it, and a new secret is made") from None
            return secret
        with os.fdopen(opened, "w") as fresh:
            secret = new_secret()
            fresh.write(secret + "\n")
    except OSError as error:
        raise ConfigurationError(f"cannot read or create {file}: {error.strerror}") from error
    return secret
