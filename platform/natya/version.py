"""The version of this code, as members of a cluster tell each other."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
