"""Reading ``docker-compose.yml`` as Docker would, as far as it is used there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read_compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with ``${NAME:-default}`` replaced from ``environment``."""
    text = (ROOT / "docker-compose.yml").read_text()
    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda found: environment.get(found[1]) or found[2] or "", text))
    return document


def seconds(duration: str) -> float:
    """``30s`` as a number."""
    assert duration.endswith("s"), duration
    return float(duration.removesuffix("s"))
