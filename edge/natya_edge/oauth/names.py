"""User names and passwords as people type them: made one before they are compared (PRECIS, RFC 8265).

A keyboard may send é as one character or as two, a full-width A or a plain one: all of them are the same name. Names are compared
in lower case, so that no user can look like another by it; passwords are not.
"""

from __future__ import annotations

import re
from typing import Final

from precis_i18n import get_profile

from natya.errors import Invalid

MAX_NAME: Final = 128
MIN_PASSWORD: Final = 12
"""Characters of a new password. Length is what makes one strong (NIST SP 800-63B); what it is made of is nobody's business."""
MAX_PASSWORD: Final = 1_024
"""Bytes of a password: long enough for any phrase, short enough that a longer one costs nothing but its refusal."""

_NAME: Final = get_profile("UsernameCaseMapped")
_PASSWORD: Final = get_profile("OpaqueString")
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}\Z")
_ROLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")


def user_name(text: str) -> str:
    """The one spelling of a user's name. Raises `Invalid`."""
    try:
        name = _NAME.enforce(text) if len(text) <= MAX_NAME else ""
    except UnicodeEncodeError as error:
        raise Invalid(f"{text[:MAX_NAME]!r} is no user name: {_said(error)}", field="username") from None
    if not 1 <= len(name) <= MAX_NAME or name.startswith(CLIENT_SUBJECT):
        raise Invalid(
            f"a user name has 1 to {MAX_NAME} letters, digits and signs, no spaces, and does not begin with {CLIENT_SUBJECT}",
            field="username",
        )
    return name


def password(text: str) -> str:
    """The one spelling of a password. Raises `Invalid`, which does not quote it."""
    if len(text) > MAX_PASSWORD or len(text.encode(errors="replace")) > MAX_PASSWORD:
        raise Invalid(f"a password has at most {MAX_PASSWORD} bytes", field="password")
    try:
        return str(_PASSWORD.enforce(text))
    except UnicodeEncodeError as error:
        raise Invalid(f"this cannot be a password: {_said(error)}", field="password") from None


def new_password(text: str) -> str:
    """The same for one that is being set: it must be long enough, too. Raises `Invalid`."""
    found = password(text)
    if len(found) < MIN_PASSWORD:
        raise Invalid(f"the password has {len(found)} characters: at least {MIN_PASSWORD} are needed", field="password")
    return found


def client_id(text: str) -> str:
    """Raises `Invalid` for what cannot be a client's id."""
    if not _CLIENT.match(text):
        raise Invalid(
            f"{text[:64]!r} is no client id: 1 to 64 of a-z, 0-9, dot, - and _, a letter or digit first", field="client_id"
        )
    return text


def scope(text: str) -> str:
    """Raises `Invalid` for what cannot be a scope (RFC 6749, 3.3)."""
    if not _SCOPE.match(text):
        raise Invalid(f'{text[:100]!r} is no scope: 1 to 100 printable ASCII characters but spaces, " and \\', field="scope")
    return text


def role(text: str) -> str:
    """Raises `Invalid` for what cannot be a role."""
    if not _ROLE.match(text):
        raise Invalid(f"{text[:100]!r} is no role: 1 to 100 of A-Z, a-z, 0-9, dot, colon, - and _", field="role")
    return text


def client_subject(id: str) -> str:
    """The ``sub`` of a token that a client has for itself. No user can have such a name, so neither passes for the other."""
    return CLIENT_SUBJECT + id


CLIENT_SUBJECT: Final = "client:"


def _said(error: UnicodeEncodeError) -> str:
    """PRECIS's reason (``DISALLOWED/spaces``), with the character's place and code where it is about one."""
    where = f" at character {error.start + 1}" if error.end - error.start == 1 and error.object else ""
    return f"{error.reason.partition('/')[2] or error.reason}{where}"
