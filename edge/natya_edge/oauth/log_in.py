"""A user's name and password: checked with the same work whether or not there is such a user."""

from __future__ import annotations

import logging

from natya.errors import Invalid
from natya_edge.oauth import names
from natya_edge.oauth.accounts import Directory, User
from natya_edge.oauth.attempts import Attempts
from natya_edge.oauth.errors import InvalidGrant
from natya_edge.oauth.passwords import Passwords

_log = logging.getLogger("natya.edge")


class LogIn:
    """Turns names and passwords into users."""

    def __init__(self, users: Directory[User], passwords: Passwords, attempts: Attempts) -> None:
        self._users = users
        self._passwords = passwords
        self._attempts = attempts

    async def check(self, name: str, password: str) -> User:
        """The user whose name and password these are. Raises `InvalidGrant`, which does not tell why, `TooManyAttempts`,
        `Overloaded`, `StoreUnavailable`."""
        try:
            name, password = names.user_name(name), names.password(password)
        except Invalid:
            raise _refused() from None  # no user can have these, and everybody may know that
        self._attempts.spend(name)
        user = await self._users.get(name)
        right = await self._passwords.check(user.hash if user is not None else None, password)
        if user is None or not right or user.disabled:
            raise _refused()
        self._attempts.forgive(name)
        if self._passwords.outdated(user.hash):
            await self._users.rehash(user, await self._passwords.hash(password))
            _log.info("the hash of a password was renewed: new hashes cost something else")
        return user


def _refused() -> InvalidGrant:
    return InvalidGrant("there is no such user, the password is another, or the user is disabled")
