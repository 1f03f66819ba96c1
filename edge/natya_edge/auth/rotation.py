"""Signing keys come, take over from each other, and go.

A new key is written before the old one is told to retire: a rotation that breaks off in between leaves two keys, of which the newer
one signs when its time comes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from natya.clock import Clock, SystemClock
from natya.errors import ConfigurationError
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import Algorithm, SigningKey, Stage, new_key, retired

LEAD: Final = timedelta(hours=1)
"""How long a key is published before it signs: longer than anybody keeps our JWKS."""


class Rotation:
    """What can be done to the keys of one folder. Raises `ConfigurationError` for what must not be done."""

    def __init__(self, folder: KeyFolder, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()

    def begin(self, algorithm: Algorithm = "EdDSA") -> SigningKey:
        """The first key, which signs at once; or one where no other may sign any more."""
        if self._folder.path.exists() and (active := self._active()):
            raise ConfigurationError(
                f"the key {active[-1].kid} in {self._folder.path} signs already: natya keys rotate makes the next"
            )
        return self._made(new_key(algorithm, self.now()))

    def rotate(self, algorithm: Algorithm | None = None, lead: timedelta = LEAD) -> SigningKey:
        """A key that takes over after ``lead``, of the algorithm of the one that signs now. Keys that nobody needs any more are
        deleted."""
        now, active = self.now(), self._active()
        if not active:
            raise ConfigurationError(f"no key in {self._folder.path} signs: natya keys new makes one")
        if waiting := [key for key in self._folder.read() if key.stage(now) is Stage.NEXT]:
            raise ConfigurationError(
                f"the key {waiting[0].kid} is to take over at {waiting[0].use_from:%Y-%m-%d %H:%M} UTC already"
            )
        made = self._made(new_key(algorithm or active[-1].algorithm, now, use_from=now + lead))
        for key in active:
            self._folder.write(retired(key, made.use_from))
        for key in self._folder.read():
            if key.stage(now) is Stage.GONE:
                self._folder.remove(key)
        return made

    def retire(self, kid: str) -> SigningKey:
        """The key signs no more; tokens that it has signed are good until their end."""
        key = self._named(kid)
        self._check_another(key)
        ended = retired(key, self.now())
        self._folder.write(ended)
        return ended

    def forget(self, kid: str) -> SigningKey:
        """The key was lost to somebody: its file is deleted, and none of its tokens is good any more."""
        key = self._named(kid)
        self._check_another(key)
        self._folder.remove(key)
        return key

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def _made(self, key: SigningKey) -> SigningKey:
        self._folder.write(key)
        return key

    def _active(self) -> list[SigningKey]:
        return [key for key in self._folder.read() if key.stage(self.now()) is Stage.ACTIVE]

    def _named(self, kid: str) -> SigningKey:
        keys = {key.kid: key for key in self._folder.read()}
        if kid not in keys:
            raise ConfigurationError(f"there is no key {kid} in {self._folder.path}; there is {', '.join(keys) or 'none'}")
        return keys[kid]

    def _check_another(self, key: SigningKey) -> None:
        if [active.kid for active in self._active()] == [key.kid]:
            raise ConfigurationError(
                f"no other key than {key.kid} signs now: let another take over first, with natya keys rotate (at once: --lead 0)"
            )
