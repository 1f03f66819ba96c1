"""Which client sends a request, and the proof of it: HTTP Basic or parameters of the body (RFC 6749, 2.3.1)."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from natya.errors import Invalid
from natya_edge.headers import Headers
from natya_edge.oauth import names
from natya_edge.oauth.accounts import Client, Directory, hash_secret
from natya_edge.oauth.errors import InvalidClient, InvalidRequest
from natya_edge.oauth.form import Form
from natya_edge.text import decode

METHODS: Final = ("client_secret_basic", "client_secret_post")
_REFUSED: Final = "there is no such client, its secret is another, or it is disabled"
_NOBODY: Final = hash_secret(secrets.token_hex())


async def authenticate_client(clients: Directory[Client], headers: Headers, form: Form) -> Client:
    """The client that sends the request. Raises `InvalidClient`, which does not tell why; `InvalidRequest` if it proves itself in
    two ways."""
    id, secret = _credentials(headers, form)
    try:
        found = await clients.get(names.client_id(id))
    except Invalid:
        found = None
    right = secrets.compare_digest(found.hash if found is not None else _NOBODY, hash_secret(secret))
    if found is None or not right or found.disabled:
        raise InvalidClient(_REFUSED)
    return found


def _credentials(headers: Headers, form: Form) -> tuple[str, str]:
    given = headers.getall("Authorization", [])
    id, secret = form.get("client_id"), form.get("client_secret")
    if not given:
        if id is None or secret is None:
            raise InvalidClient(
                "a client must prove who it is: by HTTP Basic, or by client_id and client_secret in the body"
            )
        return id, secret
    if len(given) > 1 or secret is not None:
        raise InvalidRequest("a client must prove who it is in one way: by Authorization, or by client_secret, once")
    basic = _basic(given[0])
    if id not in (None, basic[0]):
        raise InvalidRequest("client_id in the body is another than in Authorization")
    return basic


def _basic(given: str) -> tuple[str, str]:
    """Id and secret, which are form-encoded within the Base64."""
    scheme, _, text = given.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("clients are authenticated by HTTP Basic, no other scheme")
    try:
        id, colon, secret = base64.b64decode(text.strip(), validate=True).decode("ascii").partition(":")
        if not colon:
            raise InvalidClient("Basic must hold client_id:client_secret")
        return decode(id.replace("+", " "), "client_id"), decode(secret.replace("+", " "), "client_secret")
    except (binascii.Error, ValueError, Invalid):
        raise InvalidClient("Basic must hold client_id:client_secret, each form-encoded, in Base64") from None
