"""The parameters of a request to the token endpoint, read strictly (RFC 6749, 3.2): each at most once, none in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from natya.errors import Invalid
from natya_edge.headers import Headers
from natya_edge.oauth.errors import InvalidRequest
from natya_edge.text import query_pairs

TYPE: Final = "application/x-www-form-urlencoded"
MAX_BODY: Final = 16 << 10
MAX_PARAMETERS: Final = 50


class Form:
    """Names and values; a parameter without a value counts as left out, and what is not known is ignored."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def read(cls, headers: Headers, body: bytes) -> Form:
        """Raises `InvalidRequest`."""
        type, _, parameters = headers.get("Content-Type", "").partition(";")
        if type.strip().lower() != TYPE or parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
            raise InvalidRequest(f"the body must be {TYPE} in UTF-8, and Content-Type must say so")
        if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise InvalidRequest("the body must not be compressed")
        try:
            pairs = query_pairs(body.decode("latin-1"))
        except Invalid as error:
            raise InvalidRequest(f"the body is not {TYPE}: {error.detail}") from None
        if len(pairs) > MAX_PARAMETERS:
            raise InvalidRequest(f"there are {len(pairs)} parameters: at most {MAX_PARAMETERS} are taken")
        values: dict[str, str] = {}
        for name, value in pairs:
            if name in values:
                raise InvalidRequest(f"the parameter {name[:100]} is there more than once")
            values[name] = value
        return cls(values)

    def get(self, name: str) -> str | None:
        """The value, None if it is left out."""
        return self._values.get(name) or None

    def need(self, name: str) -> str:
        """The value. Raises `InvalidRequest` if it is left out."""
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"the parameter {name} is missing")
        return value
