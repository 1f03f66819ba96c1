"""Applications: modules that hold actors."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from natya.errors import ConfigurationError

if TYPE_CHECKING:
    from natya.manifest import Definition


def load(app: str) -> list[Definition]:
    """The actors of the module ``app``, also looked for in the working folder. Raises `ConfigurationError`.

    What the module itself raises while it is imported goes on as it is: its traceback is what its author needs.
    """
    from natya.manifest import definitions_in

    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(app)
    except ModuleNotFoundError as error:
        if error.name is None or not (app == error.name or app.startswith(error.name + ".")):
            raise
        raise ConfigurationError(
            f"there is no module {error.name!r}: --app names an importable Python module with actors"
        ) from None
    return definitions_in(module)
