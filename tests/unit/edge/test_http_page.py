"""The page about HTTP names what is there."""

from __future__ import annotations

from pathlib import Path

from natya_edge.settings import EdgeSettings

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text()


def test_every_setting_is_on_the_page_with_its_default() -> None:
    for name, field in EdgeSettings.model_fields.items():
        assert f"`NATYA_EDGE_{name.upper()}`" in PAGE
        if isinstance(field.default, int | float):
            lines = [line for line in PAGE.splitlines() if f"`NATYA_EDGE_{name.upper()}`" in line]
            assert any(f"{field.default:g}" in line or str(field.default).lower() in line for line in lines), name
