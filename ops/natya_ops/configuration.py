"""Reading settings so that a wrong one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from natya.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

S = TypeVar("S", bound="BaseSettings")


def read_settings(kind: type[S], **given: Any) -> S:
    """Settings of ``kind`` from the environment, with what is ``given`` instead. Raises `ConfigurationError`."""
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        wrong = "; ".join(
            f"{prefix}{'_'.join(map(str, e['loc']))}".upper() + f" is {e['input']!r}: {e['msg'].lower()}"
            for e in error.errors()
        )
        raise ConfigurationError(f"wrong setting: {wrong}") from None
