"""Known attacks on bearer tokens, by name: each is a token that must prove nothing to an edge that takes our EdDSA and ES256, RS256 of
another issuer, and even HS256 with a secret of its own.

Most of them carry a signature that is right for what was changed, so that it is the change that must be noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from natya_edge.auth.dev_secret import DEV_ISSUER
from support.forging import (
    EDDSA,
    ES256,
    GOOD,
    NOW,
    RSA,
    RSA_JWK,
    RSA_KID,
    claims,
    eddsa,
    es256,
    forged,
    given,
    header,
    hs256,
    part,
    raw,
    rs256,
)  # fmt: skip
from support.token_contents import EXTERNAL, PREFIX, RS_HEADER, THEIRS, Group, extensions, texts, types, values

ES_HEADER: Final = header(alg="ES256", kid=ES256.kid)
HS_HEADER: Final = header(alg="HS256", kid=...)
DEVS: Final = claims(iss=DEV_ISSUER)

GOOD_TOKENS: Final[Mapping[str, str]] = {
    "EdDSA": forged(GOOD, header(), eddsa),
    "ES256": forged(GOOD, ES_HEADER, es256),
    "RS256 of another issuer": forged(THEIRS, RS_HEADER, rs256),
    "HS256 for development": forged(DEVS, HS_HEADER, hs256()),
    "the long form of the type": forged(GOOD, header(typ="application/at+jwt"), eddsa),
    "times with fractions": forged(claims(exp=NOW + 600.5, iat=NOW - 0.5), header(), eddsa),
    "several audiences of another issuer": forged({**THEIRS, "aud": ["other", "natya"]}, RS_HEADER, rs256),
    "headers and claims that mean nothing": forged(claims(more=[1, {}]), header(more=1), eddsa),
}
"""What is left of the attacks without the attack is good: these show that nothing else refuses them."""

MALLORY: Final = ed25519.Ed25519PrivateKey.generate()
MALLORY_JWK: Final = {**OKPAlgorithm.to_jwk(MALLORY.public_key(), as_dict=True), "kid": "mallory", "use": "sig"}


def attacks(collector: str) -> dict[str, str]:
    """All of them. ``collector`` is the URL of a server that must never be asked."""
    found: dict[str, str] = {}
    for group in (
        algorithms(),
        confusions(),
        signatures(),
        key_ids(),
        pointers(collector),
        extensions(),
        types(),
        texts(),
        values(),
    ):
        for name, token in group:
            assert name not in found, name
            found[name] = token
    return found


def algorithms() -> Group:
    """The token says how it is to be checked."""
    for none in ("none", "None", "NONE", "nOnE", "none ", "", "null"):
        head = header(alg=none)
        yield f"alg {none!r} without a signature", f"{part(head)}.{part(GOOD)}."
        yield f"alg {none!r} with our signature", forged(GOOD, head, eddsa)
        yield f"alg {none!r} without a kid", f"{part(header(alg=none, kid=...))}.{part(GOOD)}."
    for other in (
        "eddsa",
        "Ed25519",
        "Ed448",
        "ES256",
        "ES256K",
        "ES384",
        "RS256",
        "PS256",
        "HS256",
        "HS512",
        "dir",
        "A128GCM",
    ):
        yield f"alg {other} over EdDSA", forged(GOOD, header(alg=other), eddsa)
    for value in (None, ["EdDSA"], {"alg": "EdDSA"}, 1, True, ...):
        yield f"alg {value!r}", forged(GOOD, header(alg=value), eddsa)
    yield "EdDSA over ES256", forged(GOOD, header(kid=ES256.kid), es256)
    yield "PS256 where RS256 is agreed", forged(THEIRS, header(alg="PS256", kid=RSA_KID), _ps256)
    yield "RS512 where RS256 is agreed", forged(THEIRS, header(alg="RS512", kid=RSA_KID), _rs512)
    yield "HS512 where HS256 is agreed", forged(DEVS, header(alg="HS512", kid=...), hs256(digest="sha512"))


def confusions() -> Group:
    """A key or a secret is used as if it were another's, or of another kind: a public key as a secret, above all."""
    public = {
        "EdDSA": (EDDSA.private.key.public_key(), EDDSA.kid, "natya", EDDSA.public),
        "ES256": (ES256.private.key.public_key(), ES256.kid, "natya", ES256.public),
        "RS256": (RSA.public_key(), RSA_KID, EXTERNAL, dict(RSA_JWK)),
    }
    for name, (key, kid, issuer, jwk) in public.items():
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        text = str(jwk.get("x", jwk.get("n")))
        secrets = {
            "PEM": pem,
            "PEM without its last line break": pem.strip(),
            "DER": der,
            "JWK": json.dumps(jwk).encode(),
            "number": text.encode(),
        }
        for form, secret in secrets.items():
            for issued in (issuer, DEV_ISSUER):
                made = forged(claims(iss=issued), header(alg="HS256", kid=kid), hs256(secret))
                yield f"HS256 with the {form} of the {name} key, from {issued}", made
    yield "HS256 with the secret for development, from us", forged(GOOD, HS_HEADER, hs256())
    yield "HS256 with the secret for development and our kid", forged(GOOD, header(alg="HS256"), hs256())
    yield "HS256 with the secret for development and a kid", forged(DEVS, header(alg="HS256"), hs256())
    yield "HS256 with another secret", forged(DEVS, HS_HEADER, hs256(b"another-secret-that-is-long-enough-for-it"))
    for name, secret in (("empty", b""), ("a zero", b"\0"), ("the word secret", b"secret"), ("null", b"null")):
        yield f"HS256 with a secret that is {name}", forged(DEVS, HS_HEADER, hs256(secret))
    yield "our key for another issuer", forged(THEIRS, header(), eddsa)
    yield "our key for the issuer of development", forged(DEVS, header(), eddsa)
    yield "another issuer's key for us", forged(GOOD, RS_HEADER, rs256)
    yield "another issuer's key under our kid", forged(GOOD, header(alg="RS256"), rs256)
    yield "our key under another issuer's kid", forged(GOOD, header(kid=RSA_KID), eddsa)
    yield "our ES256 kid over EdDSA", forged(GOOD, header(kid=ES256.kid), eddsa)
    yield "a key of nobody under our kid", forged(GOOD, header(), MALLORY.sign)
    yield "another issuer speaks of our subject", forged({**THEIRS, "sub": " ada"}, RS_HEADER, rs256)
    yield "we speak of another issuer's subject", forged(claims(sub=f"{PREFIX}ada"), header(), eddsa)


def signatures() -> Group:
    """The signature is none, or not the one."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    whole = forged(GOOD, header(), eddsa)
    unsigned, _, signature = whole.rpartition(".")
    yield "no signature", f"{unsigned}."
    yield "two parts", unsigned
    yield "the signature of another token", f"{unsigned}.{forged(claims(sub='eve'), header(), eddsa).rpartition('.')[2]}"
    yield "claims changed", whole.replace(part(GOOD), part({**GOOD, "sub": "eve"}))
    yield "header changed", whole.replace(part(header()), part(header(more=1)))
    yield "a signature cut off", whole[:-4]
    yield "a signature with more behind it", f"{whole}AAAA"
    yield "padding", f"{whole}=="
    yield "the other alphabet of base64", f"{unsigned}.{'+/' + signature[2:]}"
    yield "another last character for the same bytes", whole[:-1] + chr(ord(whole[-1]) + 1)
    for name, numbers in {
        "zeros": (0, 0), "r zero": (0, 1), "s zero": (1, 0), "the order": (order, order), "r the order": (order, 1),
        "ones": (1, 1), "beyond the order": (order + 1, order + 1),
    }.items():  # fmt: skip
        psychic = b"".join(number.to_bytes(32, "big") for number in numbers)
        yield f"an ECDSA signature of {name}", forged(GOOD, ES_HEADER, given(psychic))
    yield (
        "an ECDSA signature of no bytes but zeros in DER",
        forged(GOOD, ES_HEADER, given(bytes.fromhex("3006020100020100"))),
    )
    yield "an ECDSA signature in DER", forged(GOOD, ES_HEADER, _der)
    yield "an ECDSA signature of another hash", forged(GOOD, ES_HEADER, _es512_of_p256)
    yield "a signature on another curve", forged(GOOD, header(alg="ES384", kid=ES256.kid), _p384)
    yield "a signature on another curve, as if on ours", forged(GOOD, ES_HEADER, _p384)
    yield "a signature on secp256k1", forged(GOOD, ES_HEADER, _secp256k1)
    yield "an EdDSA signature of zeros", forged(GOOD, header(), given(bytes(64)))
    yield "an EdDSA signature of the neutral point", forged(GOOD, header(), given(b"\1" + bytes(63)))
    yield "another EdDSA signature of the same, by the group's order", forged(GOOD, header(), _plus_order)
    yield "an RSA signature of zeros", forged(THEIRS, RS_HEADER, given(bytes(256)))
    yield "an RSA signature of one", forged(THEIRS, RS_HEADER, given(bytes(255) + b"\1"))
    yield "an RSA signature of the padding alone", forged(THEIRS, RS_HEADER, given(b"\0\1" + b"\xff" * 253 + b"\0"))


def key_ids() -> Group:
    """The name of the key is used to reach for something else."""
    for kid in (
        "", "../../../../../../dev/null", "/dev/null", "/proc/sys/kernel/randomize_va_space", f"{EDDSA.kid}.json",
        f"../{EDDSA.kid}", f"{EDDSA.kid}\0", f"{EDDSA.kid} ", EDDSA.kid.upper() + "X", "' OR '1'='1", "x' UNION SELECT 'secret';--",
        "| whoami", "$(whoami)", "file:///dev/null", "http://127.0.0.1/key", "${jndi:ldap://127.0.0.1/x}", "__proto__",
        "k" * 2_000, "\u202e", "é",
    ):  # fmt: skip
        yield f"kid {kid[:40]!r} with our signature", forged(GOOD, header(kid=kid), eddsa)
        yield f"kid {kid[:40]!r} with an empty secret", forged(GOOD, header(alg="HS256", kid=kid), hs256(b""))
    for value in (None, 0, 1.5, True, [], [EDDSA.kid], {"$ne": None}, ...):
        yield f"kid {value!r}", forged(GOOD, header(kid=value), eddsa)
        yield (
            f"kid {value!r} of another issuer",
            forged(THEIRS, {**RS_HEADER, "kid": None if value is ... else value}, rs256),
        )


def pointers(collector: str) -> Group:
    """The token brings its own key, or says where to get it."""
    certificate = "MIIBszCCAVmgAwIBAgIUQm9ndXM="
    more: Any
    for name, more in {
        "jku": {"jku": collector}, "jku that begins like the real one": {"jku": f"{EXTERNAL}@{collector.removeprefix('http://')}"},
        "x5u": {"x5u": collector}, "jwk": {"jwk": MALLORY_JWK}, "x5c": {"x5c": [certificate]}, "x5t": {"x5t": "AAAA"},
        "jku and jwk": {"jku": collector, "jwk": MALLORY_JWK}, "url": {"url": collector, "keys": [MALLORY_JWK]},
    }.items():  # fmt: skip
        for issuer in ("natya", EXTERNAL, collector):
            for kid in ("mallory", EDDSA.kid, RSA_KID):
                made = forged(claims(iss=issuer), header(kid=kid, **more), MALLORY.sign)
                yield f"{name}, from {issuer}, kid {kid}", made
    yield "a jwk that is a secret", forged(GOOD, header(alg="HS256", jwk={"kty": "oct", "k": "AAAA"}), hs256(bytes(3)))


def _ps256(text: bytes) -> bytes:
    return RSA.sign(text, PSS(MGF1(SHA256()), 32), SHA256())


def _rs512(text: bytes) -> bytes:
    return RSA.sign(text, PKCS1v15(), SHA512())


def _der(text: bytes) -> bytes:
    key = ES256.private.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(text, ec.ECDSA(SHA256()))


def _es512_of_p256(text: bytes) -> bytes:
    key = ES256.private.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return raw(key.sign(text, ec.ECDSA(SHA512())))


def _p384(text: bytes) -> bytes:
    return raw(ec.generate_private_key(ec.SECP384R1()).sign(text, ec.ECDSA(SHA256())), 48)


def _secp256k1(text: bytes) -> bytes:
    return raw(ec.generate_private_key(ec.SECP256K1()).sign(text, ec.ECDSA(SHA256())))


def _plus_order(text: bytes) -> bytes:
    order = (1 << 252) + 27742317777372353535851937790883648493
    signature = eddsa(text)
    return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
