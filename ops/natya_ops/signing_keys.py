"""The keys that sign bearer tokens, and tokens for development signed with them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from natya_ops.configuration import read_settings

if TYPE_CHECKING:
    from natya_edge.settings import EdgeSettings

OPERATOR: Final = "operator"
"""The role of the token that ``natya up`` prints: it may do everything."""


def find_keys(data: Path | None, default: Path) -> Path:
    """The folder of the keys: that of the data folder if one is named, else ``NATYA_EDGE_KEYS``, else that of the ``default`` data
    folder. Raises `ConfigurationError`."""
    from natya_ops.data_folder import DataFolder

    if data is None and (keys := edge_settings().keys) is not None:
        return keys
    return DataFolder(data or default).keys


def make_first_key(path: Path) -> None:
    """Make a key in the folder ``path`` if there is none. Raises `ConfigurationError`."""
    from natya_edge.auth.key_folder import KeyFolder
    from natya_edge.auth.rotation import Rotation

    folder = KeyFolder(path)
    if not path.exists() or not folder.read():
        Rotation(folder).begin()


def development_token(
    path: Path,
    subject: str = "dev",
    *,
    scope: str = "",
    roles: Iterable[str] = (),
    lifetime: timedelta = timedelta(days=30),
) -> str:
    """A token signed with the key that signs now in the folder ``path``, for the issuer and audience of the edge's settings.
    Raises `ConfigurationError`; `natya.errors.Unavailable` if none of the keys is in its time."""
    from natya_edge.auth.access_token import access_claims
    from natya_edge.auth.key_folder import KeyFolder
    from natya_edge.auth.keyring import Keyring

    edge = edge_settings()
    claims = access_claims(edge.issuer, edge.audience, subject, lifetime, scope=scope, roles=roles)
    return Keyring(KeyFolder(path).read()).sign(claims)


def edge_settings() -> EdgeSettings:
    """The edge's settings as this process finds them. Raises `ConfigurationError`."""
    from natya_edge.settings import EdgeSettings

    return read_settings(EdgeSettings)
