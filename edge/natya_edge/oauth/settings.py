"""Settings of the authorisation server, as part of the edge's own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from natya_edge.oauth.revocations import LONGEST_LIFE


class OAuthSettings(BaseSettings):
    """Times are seconds."""

    access_token_lifetime: Annotated[int, Field(ge=10, le=LONGEST_LIFE, description="how long an access token is good")] = (
        600
    )
    refresh_token_lifetime: Annotated[int, Field(ge=60, description="how long a log-in lasts in all")] = 2_592_000
    refresh_token_idle: Annotated[int, Field(ge=60, description="how long a log-in lasts without a refresh")] = 604_800
    refresh_token_grace: Annotated[
        int, Field(ge=0, le=300, description="how long a refresh token may be used again whose answer was lost")
    ] = 30
    revocations_every: Annotated[float, Field(gt=0, le=60, description="between two readings of what was revoked")] = 5.0
    password_workers: Annotated[int, Field(ge=1, le=64, description="passwords that are checked at a time")] = 2
    password_queue: Annotated[int, Field(ge=0, description="passwords that wait to be checked; more are refused")] = 32
