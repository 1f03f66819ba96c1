"""`docs/testing.md`: what it shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


async def test_the_first_example_runs() -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    (found,) = (value for name, value in names.items() if name.startswith("test_"))
    await found()
