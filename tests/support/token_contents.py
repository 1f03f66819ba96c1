"""Attacks by what a token says: its extensions, its type, its text, its claims. See `support.token_attacks`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from support.forging import GOOD, NOW, RSA_KID, claims, eddsa, forged, header, part, rs256

EXTERNAL: Final = "https://issuer.example"
PREFIX: Final = "example:"

RS_HEADER: Final = header(alg="RS256", kid=RSA_KID)
THEIRS: Final = claims(iss=EXTERNAL)

Group = Iterator[tuple[str, str]]


def extensions() -> Group:
    """Headers that change what the signature is over."""
    crit: Any
    for crit in (["exp"], ["b64"], [], "exp", None, {}, [1], ["alg"], ["x"], ["jwk"]):
        yield f"crit {crit!r}", forged(GOOD, header(crit=crit), eddsa)
    yield (
        "crit with what it names",
        forged(GOOD, header(crit=["http://example.com/x"], **{"http://example.com/x": 1}), eddsa),
    )
    plain = header(b64=False, crit=["b64"])
    yield "b64 false, payload encoded", forged(GOOD, plain, eddsa)
    yield "b64 false without crit", forged(GOOD, header(b64=False), eddsa)
    yield "b64 false, payload as it is", _unencoded(plain, json.dumps({**GOOD, "email": ""}).encode().replace(b" ", b""))
    yield "b64 false, no payload", _unencoded(plain, b"")
    yield "compressed", forged(GOOD, header(zip="DEF"), eddsa).replace(part(GOOD), part(b"\x78\x9c\x03\x00"))
    yield "nested", forged(forged(GOOD, header(), eddsa).encode(), header(cty="JWT"), eddsa)
    yield "nested as text", forged(forged(GOOD, header(), eddsa), header(cty="JWT"), eddsa)


def types() -> Group:
    """A token that was made for something else."""
    value: Any
    for typ in (
        "JWT",
        "jwt",
        "id+jwt",
        "rt+jwt",
        "dpop+jwt",
        "logout+jwt",
        "jwe",
        "at+jwt ",
        "at+JWT+x",
        "application/jwt",
        "",
    ):
        yield f"typ {typ!r}", forged(GOOD, header(typ=typ), eddsa)
    for value in (None, ["at+jwt"], {}, 1, True, ...):
        yield f"typ {value!r}", forged(GOOD, header(typ=value), eddsa)


def texts() -> Group:
    """It is no JWT, or one that two readers would read in two ways."""
    whole = forged(GOOD, header(), eddsa)
    head, payload, signature = whole.split(".")
    yield "nothing", ""
    yield "garbage", "garbage"
    yield "dots", ".."
    yield "four parts", f"{whole}.x"
    yield "an empty part behind it", f"{whole}."
    yield "five parts, as if encrypted", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA"
    yield "our token as if encrypted", f"{head}.{payload}.{signature}.{payload}.{signature}"
    yield (
        "JSON serialization",
        json.dumps({"protected": head, "payload": payload, "signature": signature}, separators=(",", ":")),
    )
    yield "no base64", "$.$.$"
    yield "percent-encoded", whole.replace(".", "%2E")
    yield "white space within", f"{head}. {payload}.{signature}"
    yield "a tab within", f"{head}.\t{payload}.{signature}"
    yield "in quotes", f'"{whole}"'
    yield "twice", f"{whole},{whole}"
    yield "not ASCII", "é.é.é"
    yield "a full-width dot", whole.replace(".", "\uff0e")
    yield "huge", forged(claims(more="x" * 10_000), header(), eddsa)
    yield "a little too large", forged(claims(more="x" * 4_000), header(), eddsa)
    deep = b'{"a":' * 600 + b"1" + b"}" * 600
    yield "header nested deeply", forged(GOOD, deep, eddsa)
    yield "claims nested deeply", forged(deep, header(), eddsa)
    yield "claims nested deeply in lists", forged(b"[" * 3_000 + b"]" * 3_000, header(), eddsa)
    for name, text in {
        "no object": b"[1]", "null": b"null", "text": b'"x"', "no JSON": b"no JSON", "no UTF-8": b"\xff\xff", "nothing": b"",
        "two objects": b"{}{}", "UTF-16": json.dumps(GOOD).encode("utf-16"), "UTF-16 without a mark": json.dumps(GOOD).encode("utf-16-le"),
        "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "a comment": json.dumps(GOOD).encode()[:-1] + b"/**/}",
        "a comma too many": json.dumps(GOOD).encode()[:-1] + b",}", "an overlong encoding": json.dumps(GOOD).encode().replace(b"ada", b"\xc0\xe1da"),
    }.items():  # fmt: skip
        yield f"claims are {name}", forged(text, header(), eddsa)
        yield f"header is {name}", forged(GOOD, text, eddsa)
    yield "a claim twice", forged(_twice(GOOD, "sub", "eve"), header(), eddsa)
    yield "a claim twice, once escaped", forged(_twice(GOOD, "s\\u0075b", "eve"), header(), eddsa)
    yield "a name twice within a claim", forged(json.dumps(GOOD).encode()[:-1] + b',"x":{"a":1,"a":2}}', header(), eddsa)
    yield "alg twice", forged(GOOD, _twice(header(), "alg", "none"), eddsa)
    yield "kid twice", forged(GOOD, _twice(header(), "kid", "mallory"), eddsa)


def values() -> Group:
    """A claim is missing, of a wrong type, or says the wrong thing."""
    value: Any
    for name in GOOD:
        yield f"no {name}", forged(claims(**{name: ...}), header(), eddsa)
        for value in (None, [], {}, "", True, [GOOD[name]]):
            yield f"{name} is {value!r}", forged(claims(**{name: value}), header(), eddsa)
    for name in ("exp", "iat", "nbf"):
        for value in ("tomorrow", str(NOW), -1, 10**18, 10**400, 1 << 53):
            yield f"{name} is {str(value)[:20]!r}, {type(value).__name__}", forged(claims(**{name: value}), header(), eddsa)
        for literal in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x7fffffff", "9" * 2_900):
            text = json.dumps(claims(**{name: 12345678})).replace("12345678", literal).encode()
            yield f"{name} is {literal[:20]}", forged(text, header(), eddsa)
    yield "expired", forged(claims(exp=NOW - 60), header(), eddsa)
    yield "expired by a fraction", forged(claims(exp=NOW - 60.5), header(), eddsa)
    yield "never valid", forged(claims(exp=0), header(), eddsa)
    yield "valid for years", forged(claims(exp=NOW + 10**8), header(), eddsa)
    yield "issued in the future", forged(claims(iat=NOW + 60), header(), eddsa)
    yield "not valid yet", forged(claims(nbf=NOW + 60), header(), eddsa)
    for value in ("other", "natya ", "NATYA", "natya,other", "natya/", ["natya", "other"], ["natya", 1], {"natya": 1}, 1):
        yield f"aud {value!r}", forged(claims(aud=value), header(), eddsa)
    for value in (["other"], ["natya", 1], [["natya"]], {"natya": 1}, "natya other", []):
        yield f"aud {value!r} of another issuer", forged({**THEIRS, "aud": value}, RS_HEADER, rs256)
    for value in ("eve", "natya/", "NATYA", f"{EXTERNAL}/", {"$ne": None}, 1):
        yield f"iss {value!r}", forged(claims(iss=value), header(), eddsa)
    for value in (1, "ada ", " ada", "ada\r\nNatya-Caller: eve", "\ud800", "\0", "a" * 256, "ada\u2028", {"$gt": ""}):
        yield f"sub {str(value)[:20]!r}", forged(claims(sub=value), header(), eddsa)
    for value in (1, "j" * 256, {"$ne": None}):
        yield f"jti {str(value)[:20]!r}", forged(claims(jti=value), header(), eddsa)
    for value in (1, {}, [1], [["a"]], True):
        yield f"scope {value!r}", forged(claims(scope=value), header(), eddsa)
    for value in (1, "operator", {"operator": True}, ["operator", 1], True):
        yield f"roles {value!r}", forged(claims(roles=value), header(), eddsa)


def _twice(document: Mapping[str, Any], name: str, value: str) -> bytes:
    return json.dumps(document).encode()[:-1] + f',"{name}":"{value}"}}'.encode()


def _unencoded(head: object, payload: bytes) -> str:
    text = f"{part(head)}.{payload.decode()}"
    return f"{text}.{part(eddsa(text.encode()))}"
