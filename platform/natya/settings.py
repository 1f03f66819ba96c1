"""Settings of a node, an edge or a client: given in code, from the environment (``NATYA_…``), a ``.env`` file, or files of a secrets
folder. What is named first counts.

The secrets folder is ``/run/secrets``, where container engines put secrets, or the one that ``NATYA_SECRETS`` names: a file in it is
called like the variable, in small letters or capitals (``natya_nats_password``), and holds its value.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from natya.errors import ConfigurationError

MIB = 1 << 20
SECRETS_VARIABLE: Final = "NATYA_SECRETS"
SECRETS_FOLDER: Final = Path("/run/secrets")
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?/?")


def without_passwords(servers: str) -> str:
    """URLs, comma-separated, as they may be shown: without the user and the password that each may hold. Of one that is malformed, which a
    character in a password may be the reason for, nothing is shown but what is certainly no part of it."""
    return ", ".join(_without_password(url.strip()) for url in servers.split(",") if url.strip())


def _without_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    host = (rest if found else url).rpartition("@")[2]
    if not _HOST.fullmatch(host) or (found and not scheme.isalnum()):
        return "…"
    return f"{scheme}://{host}" if found else host


class SettingsFromOutside(BaseSettings):
    """Where all settings come from."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = secrets_folder()
        files = (SecretsSettingsSource(settings_cls, folder),) if folder else ()
        return init_settings, env_settings, dotenv_settings, *files


def secrets_folder() -> Path | None:
    """The folder whose files are settings; None if there is none. Raises `ConfigurationError` if one is named that is not there."""
    if named := os.environ.get(SECRETS_VARIABLE):
        if not Path(named).is_dir():
            raise ConfigurationError(f"{SECRETS_VARIABLE} names {named}, which is no folder")
        return Path(named)
    return SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None


class Settings(SettingsFromOutside):
    """Where the servers are and how much of what a node may use. Times are seconds, sizes bytes."""

    model_config = SettingsConfigDict(env_prefix="NATYA_", env_file=".env", extra="ignore", frozen=True)

    namespace: Annotated[str, Field(description="first token of every subject")] = "natya"
    nats: Annotated[str, Field(description="NATS server URLs, comma-separated", repr=False)] = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")
    nats_ca: Annotated[
        Path | None, Field(description="PEM file of the authority that has signed the certificates of tls:// servers")
    ] = None
    nats_inbox: Annotated[str, Field(description="prefix of the subjects on which a client's replies come")] = "_INBOX"
    calls: Annotated[
        Literal["owner", "router"],
        Field(
            description="where a client's calls go: to the actor's owner, or to any node, as NATS users who are guests must"
        ),
    ] = "owner"
    store: Annotated[str, Field(description="MongoDB URL", repr=False)] = "mongodb://127.0.0.1:27017"
    database: Annotated[str, Field(description="database that holds one collection a kind")] = "natya"
    node: Annotated[
        str, Field(description="this node's name: stable across restarts, unique in the cluster", min_length=1)
    ] = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    replicas: Annotated[int, Field(description="copies of every stream and bucket", ge=1, le=5)] = 1
    metrics_host: Annotated[str, Field(description="address on which a node serves /livez, /readyz and /metrics")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[int | None, Field(description="port for them; 0: any, none: they are not served")] = None
    log_level: str = "INFO"

    # ownership
    lease_ttl: Annotated[float, Field(description="a member that is silent this long has ended", ge=1)] = 3.0
    lease_margin: Annotated[float, Field(description="how much earlier a node stops trusting its own lease")] = 0.5
    renew_every: float = 1.0

    # calls
    mailbox_limit: Annotated[int, Field(description="messages that wait in one actor's mailbox")] = 256
    partition_limit: Annotated[int, Field(description="messages that wait in one partition")] = 20_000
    turn_limit: Annotated[float, Field(description="longest run of a handler whose message has no deadline")] = 300.0
    drain_timeout: Annotated[float, Field(description="how long running turns may take when a partition is released")] = 10.0

    # commit
    append_timeout: Annotated[float, Field(description="an append without an answer is sent again after this")] = 2.0
    appends_in_flight: Annotated[int, Field(description="per journal stream")] = 2
    batch_turns: Annotated[int, Field(description="most turns in one batch")] = 1_000

    # mail
    mail_ahead: Annotated[int, Field(description="letters of one partition held in memory")] = 1_000
    behind_limit: Annotated[int, Field(description="keys of one partition that may be behind its head")] = 1_000
    tell_attempts: Annotated[int, Field(description="attempts before a tell is a dead letter", ge=1)] = 5
    tell_backoff: Annotated[float, Field(description="delay before the second attempt; doubles each time")] = 2.0

    # memory
    index_bytes: Annotated[int, Field(description="ids of seen messages, all partitions of a node together")] = 128 * MIB
    index_age: Annotated[float, Field(description="how long ids and journal are kept where there is room")] = 3_600.0
    idle_after: Annotated[float, Field(description="an actor not used this long leaves memory")] = 600.0
    residents_limit: Annotated[int, Field(description="actors in memory per partition before idle ones leave earlier")] = (
        100_000
    )

    # snapshots
    snapshot_interval: Annotated[float, Field(description="least pause between two bulks of a kind")] = 0.1
    snapshot_pause: Annotated[float, Field(description="pause, as a multiple of the time that the last bulk took")] = 12.0
    snapshot_pause_limit: Annotated[float, Field(description="longest pause between two bulks of a kind")] = 8.0
    snapshot_bulk: Annotated[int, Field(description="documents in one bulk")] = 500
    unwritten_limit: Annotated[int, Field(description="unwritten actors of a node at which new ones are refused")] = 50_000
    unwritten_bytes: Annotated[int, Field(description="the same in bytes of state")] = 256 * MIB
    checkpoint_records: Annotated[int, Field(description="journal records behind which a checkpoint is forced")] = 1_000

    @property
    def nats_shown(self) -> str:
        """The NATS servers as they may be shown."""
        return without_passwords(self.nats)
