"""Settings of what happens under load, as part of the edge's own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings


class LoadSettings(BaseSettings):
    """Numbers of requests; times in seconds."""

    request_limit: Annotated[int, Field(ge=1, description="requests under way in all")] = 1_024
    kind_limit: Annotated[int, Field(ge=1, description="requests under way to one kind")] = 768
    principal_limit: Annotated[int, Field(ge=1, description="requests under way of one principal")] = 512
    breaker_after: Annotated[
        float, Field(gt=0, description="after which a kind that nobody serves is refused at once, instead of waited for")
    ] = 6.0
