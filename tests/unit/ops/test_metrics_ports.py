"""Under ``natya up`` each worker serves its metrics on a port of its own."""

from __future__ import annotations

import pytest

from natya.errors import ConfigurationError
from natya_ops.up.platform import metrics_of


def test_workers_have_the_port_of_the_environment_and_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_METRICS_PORT", "9090")
    assert [metrics_of(number)["NATYA_METRICS_PORT"] for number in (1, 2, 3)] == ["9090", "9091", "9092"]


@pytest.mark.parametrize("port", [None, "0"])
def test_without_a_port_or_with_any_there_is_nothing_to_share(port: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NATYA_METRICS_PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("NATYA_METRICS_PORT", port)
    assert metrics_of(1) == metrics_of(2) == {}


def test_a_wrong_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_METRICS_PORT", "many")
    with pytest.raises(ConfigurationError, match="NATYA_METRICS_PORT is 'many'"):
        metrics_of(1)
