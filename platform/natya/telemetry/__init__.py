"""Named telemetry events with typed fields (`events`), and the hooks that turn them into metrics, logs and spans."""

from natya.telemetry.hub import Hook, Telemetry

__all__ = ["Hook", "Telemetry"]
