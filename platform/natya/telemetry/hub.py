"""Where events are raised and hooks listen."""

from __future__ import annotations

import logging
from collections.abc import Callable

from natya.telemetry.events import Event

Hook = Callable[[Event], None]
"""Called for every event, on the loop, at once; must be quick and must not raise."""

_log = logging.getLogger("natya.telemetry")


class Telemetry:
    """Tells events to hooks. Without hooks `raise_event` costs an attribute look-up and a loop over nothing; hot places ask
    `active` first, so that the event is not even made. ``tracing`` says whether a hook makes spans."""

    def __init__(self, *hooks: Hook, tracing: bool = False) -> None:
        self._hooks = list(hooks)
        self.tracing = tracing

    @property
    def active(self) -> bool:
        return bool(self._hooks)

    def add(self, hook: Hook) -> None:
        self._hooks.append(hook)

    def raise_event(self, event: Event) -> None:
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 - a hook is somebody else's code, and telemetry must never stop the work
                _log.exception("a telemetry hook failed on %s", type(event).__name__)
