"""Reading settings so that a wrong one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from natya.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from pydantic_settings import BaseSettings

S = TypeVar("S", bound="BaseSettings")


def read_settings(kind: type[S], **given: Any) -> S:
    """Settings of ``kind`` from the environment, with what is ``given`` instead. Raises `ConfigurationError`."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]  # where the value came from and what it is are not told
        variable = f"{kind.model_config.get('env_prefix', '')}{field}".upper()
        raise ConfigurationError(f"wrong setting: {variable} is no JSON") from None
    except ValidationError as error:
        raise ConfigurationError(f"wrong setting: {'; '.join(_wrong(kind, each) for each in error.errors())}") from None


def _wrong(kind: type[BaseSettings], error: ErrorDetails) -> str:
    """What is wrong with one variable. What was given is quoted only where it is no secret."""
    name = str(error["loc"][0]) if error["loc"] else ""
    field = kind.model_fields.get(name)
    shown = field is not None and field.repr and "Secret" not in str(field.annotation)
    variable = f"{kind.model_config.get('env_prefix', '')}{'_'.join(map(str, error['loc']))}".upper()
    given = f" is {error['input']!r}" if shown else ""
    return f"{variable}{given}: {error['msg'].lower()}"
