"""Settings of the protective layer, as part of the edge's own."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from natya.settings import SettingsFromOutside

Network = IPv4Network | IPv6Network

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?\Z|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?\Z")
_DEFAULT_PORTS: Final = (("http://", ":80"), ("https://", ":443"))


class GuardSettings(SettingsFromOutside):
    """Times are seconds, sizes bytes, rates requests per second; a rate of 0 is no limit."""

    origins: Annotated[
        tuple[str, ...], NoDecode, Field(description="origins whose pages may call the edge, with spaces between them")
    ] = ()
    cors_max_age: Annotated[int, Field(ge=0, description="how long a browser may remember a preflight")] = 600
    hsts: Annotated[int, Field(ge=0, description="max-age of Strict-Transport-Security; only where all of it is TLS")] = 0
    trusted_proxies: Annotated[
        tuple[Network, ...],
        NoDecode,
        Field(description="networks whose X-Forwarded-For is believed, with spaces between them"),
    ] = ()

    principal_rate: Annotated[float, Field(ge=0, description="requests of one principal")] = 1_000.0
    principal_burst: Annotated[int, Field(ge=1, description="at once, after a pause")] = 2_000
    operator_rate: Annotated[float, Field(ge=0, description="requests of one principal with the role operator")] = 100_000.0
    operator_burst: Annotated[int, Field(ge=1, description="at once, after a pause")] = 100_000
    address_rate: Annotated[float, Field(ge=0, description="requests from one address, before anybody is known")] = 0.0
    address_burst: Annotated[int, Field(ge=1, description="at once, after a pause")] = 1_000
    failure_rate: Annotated[float, Field(ge=0, description="failed authentications from one address")] = 10.0
    failure_burst: Annotated[int, Field(ge=1, description="at once, after a pause")] = 100
    limit_entries: Annotated[int, Field(ge=100, description="principals, and addresses, that each limit remembers")] = (
        100_000
    )
    share_interval: Annotated[float, Field(gt=0, le=5, description="how often edges tell one another what was used")] = 0.25

    connections: Annotated[int, Field(ge=1, description="open at the same time")] = 10_000
    connections_per_address: Annotated[int, Field(ge=1, description="open at the same time from one address")] = 2_000
    head_timeout: Annotated[
        float, Field(gt=0, description="from a connection, or a request's first byte, to its last header")
    ] = 10.0
    head_limit: Annotated[int, Field(ge=1_024, description="request line and headers together")] = 32 << 10
    idle_timeout: Annotated[float, Field(gt=0, description="how long a connection may wait for its next request")] = 75.0
    write_timeout: Annotated[float, Field(gt=0, description="how long a client may leave a response unread")] = 30.0
    json_depth: Annotated[int, Field(ge=1, le=500, description="arrays and objects inside one another in a body")] = 64

    @field_validator("origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            usual = any(origin.startswith(scheme) and origin.endswith(port) for scheme, port in _DEFAULT_PORTS)
            if usual or not _ORIGIN.match(origin):
                raise ValueError(
                    f"{origin!r} is no origin as browsers send it: scheme and host in small letters, a port if it is not the"
                    " usual one, and no path, for instance https://app.example.com"
                )
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _read_networks(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return tuple(ip_network(each) if isinstance(each, str) else each for each in value)
        return value
