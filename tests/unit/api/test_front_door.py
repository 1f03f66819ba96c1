"""What `natya` and its public modules offer is what they say."""

from __future__ import annotations

import importlib
import types

import pytest

import natya

PUBLIC = ["natya", "natya.actor", "natya.manifest"]


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_and_there(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__)
    for member in module.__all__:
        assert hasattr(module, member), member


def test_the_front_door_only_re_exports_and_names_all_of_it() -> None:
    offered = {
        name for name, value in vars(natya).items() if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert offered == set(natya.__all__)
    for name in natya.__all__:
        assert getattr(natya, name).__module__ != "natya", f"{name} is defined in the front door itself"


def test_every_error_that_a_caller_can_meet_is_at_the_front_door() -> None:
    def below(cls: type[natya.NatyaError]) -> set[type[natya.NatyaError]]:
        return {cls}.union(*(below(sub) for sub in cls.__subclasses__()))

    caught = {cls.__name__ for cls in below(natya.NatyaError) if cls.__module__ == "natya.errors"}
    assert caught <= set(natya.__all__)
