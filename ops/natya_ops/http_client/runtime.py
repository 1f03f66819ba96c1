from __future__ import annotations

import asyncio
import json
import uuid
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter
from pydantic_core import to_json, to_jsonable_python

T = TypeVar("T")

REPEATED: Final = (429, 503, 504)
"""Statuses that say to try again; with an Idempotency-Key that is safe."""


class Problem(Exception):
    """Raised when the edge answers with a problem document (RFC 9457). ``code`` is its name for programs, ``document`` all of it."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status = status
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail", ""))
        self.document = document
        super().__init__(f"{status} {self.code}: {self.detail}")


class Connection:
    """To an edge, as the bearer of ``token``. A request that gets no answer, or one that says to try again, is repeated up to
    ``attempts`` times; commands carry an Idempotency-Key, so that they take effect once."""

    def __init__(self, url: str, token: str, *, attempts: int = 5, timeout: float = 40.0) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=timeout)
        self._attempts = attempts

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def _send(
        self, method: str, path: str, headers: dict[str, str], parameters: dict[str, Any], body: bytes | None
    ) -> httpx.Response:
        """The response, if it is a good one. Raises `Problem`, and `httpx.TransportError` if there was none to the last."""
        for left in range(self._attempts - 1, -1, -1):
            pause = 0.5
            try:
                response = await self._http.request(method, path, headers=headers, params=parameters, content=body)
            except httpx.TransportError:
                if not left:
                    raise
            else:
                if response.is_success:
                    return response
                if response.status_code not in REPEATED or not left:
                    raise _problem(response)
                pause = float(response.headers.get("Retry-After", pause))
            await asyncio.sleep(pause)
        raise ValueError("a request needs at least one attempt")


class Reference:
    """One actor. ``idempotency_key`` names the intention of its commands, a new one each if it is empty; they run only at
    ``if_version``, if that is given."""

    KIND = ""

    def __init__(
        self, connection: Connection, key: str, *, idempotency_key: str = "", if_version: int | None = None
    ) -> None:
        self._connection = connection
        self._path = f"/v1/actors/{self.KIND}/{quote(key, safe='')}"
        self._idempotency_key = idempotency_key
        self._if_version = if_version

    async def _command(self, name: str, result: TypeAdapter[T], arguments: dict[str, Any]) -> T:
        headers = {"Idempotency-Key": self._idempotency_key or uuid.uuid4().hex, "Content-Type": "application/json"}
        if self._if_version is not None:
            headers["If-Match"] = f'"{self._if_version}"'
        body = to_json(_given(arguments), bytes_mode="base64")
        response = await self._connection._send("POST", f"{self._path}/{name}", headers, {}, body)
        return result.validate_json(response.content)

    async def _query(self, name: str, result: TypeAdapter[T], arguments: dict[str, Any]) -> T:
        values = to_jsonable_python(_given(arguments), bytes_mode="base64")
        parameters = {each: _in_query(value) for each, value in values.items()}
        response = await self._connection._send("GET", f"{self._path}/{name}", {}, parameters, None)
        return result.validate_json(response.content)

    async def _state(self, result: TypeAdapter[T]) -> tuple[T, int]:
        response = await self._connection._send("GET", self._path, {}, {}, None)
        return result.validate_json(response.content), int(response.headers["ETag"].strip('"'))


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _in_query(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_query(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def _problem(response: httpx.Response) -> Problem:
    try:
        document = response.json()
    except ValueError:
        document = None
    return Problem(response.status_code, document if isinstance(document, dict) else {"detail": response.text[:1000]})
