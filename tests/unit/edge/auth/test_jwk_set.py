"""Which keys of another issuer are used, and for what."""

from __future__ import annotations

from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from natya_edge.auth.jwk_set import read_jwks
from support.forging import EDDSA, ES256, RSA, RSA_JWK


def read(*keys: dict[str, Any], algorithms: list[str]) -> dict[str, str]:
    return {key.kid: key.algorithm for key in read_jwks(orjson.dumps({"keys": keys}), algorithms)}


def test_a_key_is_for_the_algorithm_that_it_names_if_that_is_taken() -> None:
    taken = ["EdDSA", "ES256", "PS256", "RS256"]
    keys = [EDDSA.public, ES256.public, {**RSA_JWK, "alg": "RS256"}]
    assert read(*keys, algorithms=taken) == {EDDSA.kid: "EdDSA", ES256.kid: "ES256", "rsa-1": "RS256"}


def test_a_key_that_names_none_is_for_the_first_that_fits() -> None:
    assert read(dict(RSA_JWK), algorithms=["EdDSA", "PS256", "RS256"]) == {"rsa-1": "PS256"}


def test_secrets_short_keys_and_strange_ones_are_passed_over() -> None:
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65_537, 1_024).public_key(), as_dict=True)
    strange = [
        {"kty": "oct", "k": "AAAA", "kid": "secret"},
        {**short, "kid": "short"},
        {**RSA_JWK, "kid": ""},
        {**RSA_JWK, "kid": "enc", "use": "enc"},
        {**RSA_JWK, "kid": "sign", "key_ops": ["sign"]},
        {**RSA_JWK, "kid": "strange", "key_ops": 1},
        {**ES256.public, "kid": "off-curve", "x": ES256.public["y"]},
        {"kty": "EC", "crv": "P-256", "kid": "empty"},
    ]
    assert read(*strange, EDDSA.public, algorithms=["EdDSA", "ES256", "RS256"]) == {EDDSA.kid: "EdDSA"}


def test_the_private_half_of_a_key_that_is_published_by_mistake_is_not_kept() -> None:
    mistake = {**RSAAlgorithm.to_jwk(RSA, as_dict=True), "kid": "a", "key_ops": ["verify"]}
    [key] = read_jwks(orjson.dumps({"keys": [mistake]}), ["RS256"])
    assert key.document.keys() == {"kty", "n", "e"}
    assert not hasattr(key.jwk.key, "sign")


def test_of_two_keys_with_one_kid_the_first_counts() -> None:
    other = {**EDDSA.public, "kid": "rsa-1"}
    assert read(dict(RSA_JWK), other, algorithms=["EdDSA", "RS256"]) == {"rsa-1": "RS256"}
