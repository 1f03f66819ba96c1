"""Another issuer whose tokens are taken, as the settings name it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PublicAlgorithm = Literal["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
"""Never one with a secret: an issuer's keys are public."""


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or (parts.scheme != "https" and not plain):
        raise ValueError("a URL with https is needed; http is taken for this machine itself")
    if parts.username is not None or parts.fragment:
        raise ValueError("the URL must have neither a user nor a fragment")
    return url


class ExternalIssuer(BaseModel):
    """What is believed of the tokens of ``issuer``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, Field(min_length=1, description="its `iss`, to the letter")]
    jwks: Annotated[str, AfterValidator(_check_url), Field(description="where it publishes its keys")]
    algorithms: Annotated[tuple[PublicAlgorithm, ...], Field(min_length=1, description="those that are taken")]
    subject_prefix: Annotated[str, Field(max_length=64, description="goes before `sub`: whose subject it is")]
    audience: Annotated[str | None, Field(min_length=1, description="`aud` for us; that of the edge if absent")] = None
    types: Annotated[tuple[str, ...], Field(min_length=1, description="`typ` of its access tokens")] = ("at+jwt",)
    scope_claim: Annotated[str, Field(min_length=1, description="where scopes are: text or a list")] = "scope"
    roles_claim: Annotated[str, Field(min_length=1, description="where roles are, a list; dots lead into objects")] = "roles"
    roles: Annotated[dict[str, str], Field(description="its roles and ours; none but these come through")] = Field(
        default_factory=dict
    )
