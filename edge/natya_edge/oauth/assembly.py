"""The authorisation server put together from the edge's settings."""

from __future__ import annotations

from natya.clock import Clock
from natya.ports.records import Records
from natya_edge.oauth.accounts import Client, Directory, User
from natya_edge.oauth.attempts import Attempts
from natya_edge.oauth.families import Families, Limits
from natya_edge.oauth.log_in import LogIn
from natya_edge.oauth.passwords import Passwords
from natya_edge.oauth.revocations import Revocations
from natya_edge.oauth.server import AuthorizationServer, Signer, Terms, Verifier
from natya_edge.settings import EdgeSettings


def make_server(
    edge: EdgeSettings,
    records: Records,
    clock: Clock,
    *,
    passwords: Passwords,
    revocations: Revocations,
    signer: Signer,
    verifier: Verifier,
) -> AuthorizationServer:
    """A server over ``records``."""
    users, clients = Directory(records, clock, User), Directory(records, clock, Client)
    limits = Limits(edge.refresh_token_lifetime, edge.refresh_token_idle, edge.refresh_token_grace)
    return AuthorizationServer(
        Terms(edge.issuer, edge.audience, edge.access_token_lifetime),
        clock,
        users=users,
        clients=clients,
        log_in=LogIn(users, passwords, Attempts(clock)),
        families=Families(records, revocations, clock, limits),
        revocations=revocations,
        signer=signer,
        verifier=verifier,
    )
