"""Deprecations as classes declare them and manifests tell them."""

from __future__ import annotations

from datetime import date

import pytest

from natya import Deprecated, StatelessActor, command, query
from natya.errors import ConfigurationError
from natya.manifest import Definition


class Old(StatelessActor, deprecated=Deprecated(date(2026, 1, 31), date(2027, 1, 1), "https://example.com/new?a=b#c")):
    @query
    async def read(self) -> None: ...

    @query(deprecated=Deprecated(date(2026, 2, 1)))
    async def seek(self) -> None: ...

    @command(deprecated=Deprecated(date(2026, 3, 1)))
    async def write(self) -> None: ...


def test_it_is_in_the_manifest_where_it_is_declared() -> None:
    manifest = Definition.of(Old).manifest()
    assert manifest["deprecated"] == {"since": "2026-01-31", "sunset": "2027-01-01", "link": "https://example.com/new?a=b#c"}
    assert {name: method["deprecated"] for name, method in manifest["methods"].items()} == {
        "read": None,
        "seek": {"since": "2026-02-01", "sunset": "", "link": ""},
        "write": {"since": "2026-03-01", "sunset": "", "link": ""},
    }


def test_a_sunset_is_not_before_the_deprecation() -> None:
    Deprecated(date(2026, 1, 1), date(2026, 1, 1))
    with pytest.raises(ConfigurationError, match="2026-01-02, but its sunset is before that, on 2026-01-01"):
        Deprecated(date(2026, 1, 2), date(2026, 1, 1))


@pytest.mark.parametrize(
    "link",
    ["example.com", "ftp://example.com", "https://a b", "https://a\r\nX: y", "https://é", "https://a>", "javascript:x"],
)
def test_a_link_is_a_web_address(link: str) -> None:
    with pytest.raises(ConfigurationError, match="must be an http or https URL"):
        Deprecated(date(2026, 1, 1), link=link)
