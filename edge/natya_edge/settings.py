"""Settings of the edge, from where `natya.settings` has its own; variables begin with ``NATYA_EDGE_``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from natya.errors import ConfigurationError
from natya_edge.auth.issuer_settings import ExternalIssuer
from natya_edge.guard.settings import GuardSettings
from natya_edge.load.settings import LoadSettings
from natya_edge.oauth.settings import OAuthSettings

HEADROOM = 16 << 10
"""Bytes of a NATS message that are left for the headers when the body is as large as it may be."""
LEAST_SECRET = 32
"""Bytes: a key for HS256 has at least the length of its hash (RFC 7518, 3.2)."""


class EdgeSettings(GuardSettings, LoadSettings, OAuthSettings):
    """Where the edge listens and what it takes. Times are seconds, sizes bytes."""

    model_config = SettingsConfigDict(env_prefix="NATYA_EDGE_", env_file=".env", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="0: any free port")] = 8080

    keys: Annotated[Path | None, Field(description="folder with the keys that sign tokens")] = None
    issuer: Annotated[str, Field(min_length=1, description="`iss` of the tokens that the edge signs")] = "natya"
    audience: Annotated[str, Field(min_length=1, description="`aud` of the tokens that the edge signs and takes")] = "natya"
    issuers: Annotated[
        tuple[ExternalIssuer, ...], Field(description="others whose tokens are taken, as a JSON list of objects")
    ] = ()
    hs256: Annotated[bool, Field(description="take tokens signed with the secret: for development only")] = False
    secret: Annotated[SecretStr, Field(description="signs and checks tokens for development (HS256)")] = SecretStr("")
    secret_file: Annotated[Path | None, Field(description="a file that holds the secret; goes before `secret`")] = None
    known_tokens: Annotated[int, Field(ge=1, description="verified tokens that are remembered for a minute")] = 10_000

    body_limit: Annotated[int, Field(ge=1, description="largest body of a request")] = (1 << 20) - HEADROOM
    body_timeout: Annotated[float, Field(gt=0, description="how long a client may take to send a body")] = 20.0
    timeout: Annotated[float, Field(gt=0, description="how long an answer may take if the client does not say")] = 30.0
    timeout_limit: Annotated[int, Field(ge=1, description="longest wait that a client may ask for")] = 60
    keep_ids: Annotated[
        int, Field(ge=1, description="how long outcomes of accepted messages and of Idempotency-Keys are remembered")
    ] = 86_400

    docs: Annotated[bool, Field(description="serve /docs and /openapi.json")] = True

    events_streams: Annotated[int, Field(ge=0, description="streams of events that may be open")] = 1_000
    events_streams_each: Annotated[int, Field(ge=1, description="those of one principal")] = 20
    events_buffer: Annotated[int, Field(ge=0, description="what waits for one client before it falls behind")] = 1 << 20
    events_heartbeat: Annotated[float, Field(gt=0, description="between signs of life; tokens are checked as often")] = 10.0
    events_patience: Annotated[float, Field(gt=0, description="for which a client may take nothing or be behind")] = 20.0

    drain_delay: Annotated[float, Field(ge=0, description="between not being ready and not listening, at the end")] = 0.0
    drain_timeout: Annotated[float, Field(gt=0, description="how long running requests may take at the end")] = 8.0

    def read_secret(self) -> str:
        """The secret, from its file if there is one. Raises `ConfigurationError`."""
        if self.secret_file is None:
            secret, where = self.secret.get_secret_value(), "NATYA_EDGE_SECRET"
        else:
            where = str(self.secret_file)
            try:
                secret = self.secret_file.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"the edge cannot read its secret from {where}: {error}") from error
        secret = secret.strip()
        if not secret:
            raise ConfigurationError(
                "NATYA_EDGE_HS256 needs a secret: set NATYA_EDGE_SECRET_FILE or NATYA_EDGE_SECRET"
                if self.secret_file is None
                else f"the edge's secret in {where} is empty"
            )
        if len(secret.encode()) < LEAST_SECRET:
            raise ConfigurationError(
                f"the edge's secret in {where} has {len(secret.encode())} bytes: at least {LEAST_SECRET} are needed"
            )
        return secret
