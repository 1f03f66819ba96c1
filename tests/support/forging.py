"""Tokens made by hand, so that no library keeps a test from making a bad one."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

from natya_edge.auth.signing_key import new_key
from support.edge import NOW_MS, SECRET

T = TypeVar("T")
Sign = Callable[[bytes], bytes]

NOW: Final = NOW_MS // 1000
START: Final = datetime.fromtimestamp(NOW, UTC)
GOOD: Final = {"iss": "natya", "aud": "natya", "sub": "ada", "iat": NOW, "exp": NOW + 600, "jti": "1"}

EDDSA: Final = new_key("EdDSA", START)
ES256: Final = new_key("ES256", START)
RSA: Final = rsa.generate_private_key(65_537, 2_048)
RSA_KID: Final = "rsa-1"
RSA_JWK: Final[Mapping[str, Any]] = {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": RSA_KID}


def part(value: object) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(payload: object, header: object, sign: Sign) -> str:
    """A token of these very parts."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(sign(text.encode()))}"


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims but for the changes; ``...`` leaves one out."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    """The header of a token that is signed by `eddsa`, but for the changes."""
    plain = {"alg": "EdDSA", "typ": "at+jwt", "kid": EDDSA.kid}
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def eddsa(text: bytes) -> bytes:
    key = EDDSA.private.key
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key.sign(text)


def es256(text: bytes) -> bytes:
    key = ES256.private.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return raw(key.sign(text, ec.ECDSA(SHA256())))


def rs256(text: bytes) -> bytes:
    return RSA.sign(text, PKCS1v15(), SHA256())


def hs256(secret: bytes = SECRET.encode(), digest: str = "sha256") -> Sign:
    return lambda text: hmac.digest(secret, text, digest)


def given(signature: bytes) -> Sign:
    """Signs with these bytes, whatever it is."""
    return lambda text: signature


def raw(der: bytes, size: int = 32) -> bytes:
    """An ECDSA signature as JWS wants it: two numbers of ``size`` bytes."""
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        found: T = returned.value
        return found
    coroutine.close()
    raise AssertionError("it waits")
