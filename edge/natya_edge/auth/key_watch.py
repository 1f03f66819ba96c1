"""Following the folder of the signing keys: what changes there is used within seconds, by every edge that reads it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from natya.clock import Clock, SystemClock
from natya.errors import ConfigurationError
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.keyring import Keyring, NoSigningKey

CHECK_EVERY: Final = 3.0
"""Seconds between two looks at the folder. They happen in a thread: a disk may be slow."""

_log = logging.getLogger("natya.edge")


async def follow(folder: KeyFolder, keyring: Keyring, clock: Clock | None = None) -> None:
    """Keep ``keyring`` as ``folder`` is, until cancelled. While the folder cannot be read, what was read last counts."""
    clock = clock or SystemClock()
    seen: dict[str, bytes] | None = None
    said = ""
    while True:
        try:
            files = await asyncio.to_thread(folder.files)
            if files != seen:
                keyring.replace(folder.parse(files))
                seen = files
                _log.info("read %d signing keys; %s signs", len(keyring), keyring.current().kid)
            said = ""
        except (ConfigurationError, NoSigningKey) as error:
            if str(error) != said:
                said = str(error)
                _log.error("the signing keys: %s", said)
        await clock.sleep(CHECK_EVERY)
