"""Signing keys on disk: a folder with a JWK file for each, readable by its owner alone.

The file is the JWK of RFC 7517 and 8037 with three members more, times in ISO 8601: ``created``, ``use_from`` and, once it is
known, ``retire_at``. A folder that a secret store mounts works as well as one that ``natya keys`` has made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from jwt import PyJWK, PyJWTError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from natya.errors import ConfigurationError
from natya_edge.auth.signing_key import Algorithm, SigningKey, private_jwk

MAX_FILES: Final = 100
MAX_SIZE: Final = 8_192
"""Bytes of one file: a key has about 300."""


class KeyFile(BaseModel):
    """What a file says. The private half is not checked here, so that no error can quote it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
    alg: Algorithm
    created: AwareDatetime
    use_from: AwareDatetime
    retire_at: AwareDatetime | None = None


class KeyFolder:
    """The keys of one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> dict[str, bytes]:
        """What is in each key file now, by name. Raises `ConfigurationError` where it cannot be read."""
        found = {}
        try:
            names = sorted(entry.name for entry in os.scandir(self.path) if _is_key(entry.name))
            if len(names) > MAX_FILES:
                raise ConfigurationError(f"{self.path} has {len(names)} key files: at most {MAX_FILES} are read")
            for name in names:
                with (self.path / name).open("rb") as file:
                    found[name] = file.read(MAX_SIZE + 1)
        except OSError as error:
            raise ConfigurationError(
                f"cannot read the signing keys in {self.path}: {error.strerror}; natya keys new makes one"
            ) from error
        return found

    def read(self) -> list[SigningKey]:
        """All keys, the oldest first. Raises `ConfigurationError` that names the file."""
        return self.parse(self.files())

    def parse(self, files: Mapping[str, bytes]) -> list[SigningKey]:
        """The keys in ``files``, the oldest first. Raises `ConfigurationError` that names the file."""
        keys = [_parse(self.path / name, text) for name, text in files.items()]
        if len({key.kid for key in keys}) < len(keys):
            raise ConfigurationError(f"two keys in {self.path} have the same kid: delete one of the files")
        return sorted(keys, key=lambda key: (key.use_from, key.kid))

    def write(self, key: SigningKey) -> Path:
        """Keep ``key``, all of its file at once or nothing. Raises `ConfigurationError`."""
        document = {
            **private_jwk(key),
            "kid": key.kid,
            "use": "sig",
            "alg": key.algorithm,
            "created": key.created.isoformat(),
            "use_from": key.use_from.isoformat(),
        }
        if key.retire_at is not None:
            document["retire_at"] = key.retire_at.isoformat()
        target, fresh = self.file_of(key), self.path / f".{key.kid}.{os.getpid()}"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
        except OSError as error:
            raise ConfigurationError(f"cannot write a signing key to {self.path}: {error.strerror}") from error
        return target

    def remove(self, key: SigningKey) -> None:
        """Delete its file: no token of it is believed any more. Raises `ConfigurationError`."""
        try:
            self.file_of(key).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(f"cannot delete {self.file_of(key)}: {error.strerror}") from error

    def file_of(self, key: SigningKey) -> Path:
        """Where `write` keeps it."""
        return self.path / f"{key.kid}.json"


def _is_key(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


def _parse(path: Path, text: bytes) -> SigningKey:
    """The key in a file. The library's own errors quote the key, so none of them is passed on."""
    if len(text) > MAX_SIZE:
        raise ConfigurationError(f"{path} is no signing key: it has more than {MAX_SIZE} bytes")
    try:
        found = KeyFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(f"{path} is no signing key: {where}: {first['msg']}") from None
    try:
        private = PyJWK(json.loads(text), found.alg)
    except (PyJWTError, ValueError, TypeError):
        raise ConfigurationError(f"{path} is no signing key: its members make no private key for {found.alg}") from None
    if not hasattr(private.key, "sign"):
        raise ConfigurationError(f"{path} is no signing key: it holds the public half only, without d")
    return SigningKey(found.kid, found.alg, found.created, found.use_from, found.retire_at, private)
