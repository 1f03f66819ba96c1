"""The issuers whose tokens an edge takes, by its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

from natya.clock import Clock
from natya.errors import ConfigurationError
from natya_edge.auth.dev_secret import DEV_ISSUER, dev_issuer
from natya_edge.auth.issuer import OUR_ALGORITHMS, Issuer
from natya_edge.auth.issuer_settings import ExternalIssuer
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.published_keys import PublishedKeys
from natya_edge.settings import EdgeSettings


class Issuers:
    """All of them: ourselves, a secret for development, others. What fetches keys ends with `running`."""

    def __init__(self, edge: EdgeSettings, keyring: Keyring, clock: Clock | None = None) -> None:
        _check(edge)
        foreign = tuple(each.subject_prefix for each in edge.issuers if each.subject_prefix)
        self._published = [PublishedKeys(each.jwks, each.algorithms, clock) for each in edge.issuers]
        self.all = [
            _external(each, edge.audience, keys, foreign) for each, keys in zip(edge.issuers, self._published, strict=True)
        ]
        if edge.keys is not None:
            self.all.append(Issuer(edge.issuer, edge.audience, OUR_ALGORITHMS, keyring, foreign=foreign))
        if edge.hs256:
            self.all.append(dev_issuer(edge.read_secret(), foreign))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for keys in self._published:
                await stack.enter_async_context(keys)
            yield


def _check(edge: EdgeSettings) -> None:
    """Raise `ConfigurationError` for what no single setting shows to be wrong."""
    has_secret = edge.secret_file is not None or bool(edge.secret.get_secret_value())
    if has_secret and not edge.hs256:
        raise ConfigurationError(
            "NATYA_EDGE_SECRET is for tokens with HS256, and those are for development: set NATYA_EDGE_KEYS instead "
            "(natya keys new makes keys), or say NATYA_EDGE_HS256=true as well"
        )
    if edge.keys is None and not edge.issuers and not edge.hs256:
        raise ConfigurationError(
            "the edge needs keys for its tokens: set NATYA_EDGE_KEYS to a folder with keys (natya keys new makes one), "
            "or NATYA_EDGE_ISSUERS to others whose tokens are taken"
        )
    names = [*([edge.issuer] if edge.keys else []), *([DEV_ISSUER] if edge.hs256 else []), *(i.issuer for i in edge.issuers)]
    if len(set(names)) < len(names):
        raise ConfigurationError("two issuers have the same name: tokens could not be told apart; see NATYA_EDGE_ISSUERS")
    ours: list[str] = [""] if edge.keys or edge.hs256 else []
    prefixes: list[str] = sorted(ours + [each.subject_prefix for each in edge.issuers])
    for shorter, longer in pairwise(prefixes):
        if longer == shorter or (shorter and longer.startswith(shorter)):
            raise ConfigurationError(
                f"the subject_prefix {longer!r} in NATYA_EDGE_ISSUERS begins like another issuer's, {shorter!r}: then two issuers "
                "could speak of the same subject. Each needs one of its own, such as its name and a colon"
            )


def _external(given: ExternalIssuer, audience: str, keys: PublishedKeys, foreign: tuple[str, ...]) -> Issuer:
    return Issuer(
        given.issuer,
        given.audience or audience,
        given.algorithms,
        keys,
        types=frozenset(each.lower() for each in given.types),
        many_audiences=True,
        prefix=given.subject_prefix,
        foreign=() if given.subject_prefix else foreign,
        scope_claim=given.scope_claim,
        roles_claim=given.roles_claim,
        roles=given.roles,
    )
