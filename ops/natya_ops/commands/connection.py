"""Where a command finds the platform: options, then the environment, then a running ``natya up``, then the usual ports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from natya.settings import Settings

Nats = Annotated[
    str | None, typer.Option(help="NATS server URLs, comma-separated.", show_default="NATYA_NATS, else that of --data")
]
Store = Annotated[str | None, typer.Option(help="MongoDB URL.", show_default="NATYA_STORE, else that of --data")]
Namespace = Annotated[
    str | None, typer.Option(help="First token of every subject.", show_default="NATYA_NAMESPACE, else natya")
]
Data = Annotated[Path | None, typer.Option(help="Data folder of a running natya up.", show_default=".natya")]

DEFAULT_DATA: Final = Path(".natya")


def find_platform(
    *, data: Path | None, nats: str | None = None, store: str | None = None, namespace: str | None = None
) -> Settings:
    """The settings for talking to a platform.

    What an option names counts first: addresses, else the ``natya up`` on ``data``. Then comes what is set in the environment,
    then what the ``natya up`` on the usual folder has announced. Raises `ConfigurationError` for a wrong setting, or a folder
    named on which none runs.
    """
    from natya.errors import ConfigurationError
    from natya.settings import Settings
    from natya_ops.configuration import read_settings
    from natya_ops.data_folder import DataFolder

    settings = read_settings(Settings, nats=nats, store=store, namespace=namespace)
    if nats is not None or store is not None or (data is None and settings.model_fields_set & {"nats", "store"}):
        return settings
    running = DataFolder(data or DEFAULT_DATA).running()
    if running is None:
        if data is not None:
            raise ConfigurationError(f"no natya up is ready on {data}: start it, or say where NATS is with --nats")
        return settings
    return settings.model_copy(update={name: running[name] for name in ("nats", "store")})


def monitoring_of(settings: Settings, data: Path | None) -> str:
    """The monitoring address that the ``natya up`` on the data folder has announced for this very NATS; empty if none did."""
    from natya_ops.data_folder import DataFolder

    running = DataFolder(data or DEFAULT_DATA).running()
    return running["monitor"] if running is not None and running["nats"] == settings.nats else ""
