"""Bodies from the command line, where things are, dead letters, and how a platform is found."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from natya.errors import ConfigurationError, Invalid, NotJson
from natya.jetstream.requests import Stored
from natya_ops.commands.connection import find_platform, monitoring_of
from natya_ops.commands.dead import letter_of
from natya_ops.commands.messages import read_body, read_id
from natya_ops.commands.where import render
from natya_ops.data_folder import DataFolder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor a platform in the working folder is seen."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("NATYA_"):
            monkeypatch.delenv(name)


def test_a_body_is_an_object_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_body("") == b""
    assert read_body('{"a": "ä"}') == '{"a": "ä"}'.encode()
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"a": 1}'))
    assert read_body("-") == b'{"a": 1}'


@pytest.mark.parametrize(
    ("text", "said"), [("{a", "are not JSON"), ("[1]", "are not a JSON object"), ("5", "not a JSON object")]
)
def test_another_body_is_refused_before_anything_is_sent(text: str, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        read_body(text)


def test_an_empty_id_is_refused_instead_of_meaning_none() -> None:
    assert read_id("order-1") == "order-1"
    assert read_id(None) != read_id(None)
    with pytest.raises(Invalid, match="--id is empty: give an id, or leave the option out"):
        read_id("")


def test_the_platform_that_is_up_on_the_folder_is_found(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ".natya")
    with folder.locked():
        folder.announce(http="http://h:1", nats="nats://h:2", store="mongodb://h:3", monitor="http://h:4")
        settings = find_platform(data=None)
        assert (settings.nats, settings.store) == ("nats://h:2", "mongodb://h:3")
        assert monitoring_of(settings, None) == "http://h:4"
        assert find_platform(data=tmp_path / ".natya").nats == "nats://h:2"
    assert find_platform(data=None).nats == "nats://127.0.0.1:4222"
    with pytest.raises(ConfigurationError, match=r"no natya up is ready on .*: start it, or say where NATS is with --nats"):
        find_platform(data=tmp_path / ".natya")


def test_what_is_given_or_set_counts_before_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / ".natya")
    with folder.locked():
        folder.announce(http="http://h:1", nats="nats://h:2", store="mongodb://h:3", monitor="http://h:4")
        given = find_platform(data=None, nats="nats://other:1", namespace="n2")
        assert (given.nats, given.store, given.namespace) == ("nats://other:1", "mongodb://127.0.0.1:27017", "n2")
        assert monitoring_of(given, None) == ""
        monkeypatch.setenv("NATYA_STORE", "mongodb://set:1")
        assert find_platform(data=None).store == "mongodb://set:1"
        assert find_platform(data=None).nats == "nats://127.0.0.1:4222"


def test_a_folder_that_is_named_counts_before_the_environment_and_after_addresses_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATYA_NATS", "nats://set:1")
    monkeypatch.setenv("NATYA_NAMESPACE", "n2")
    folder = DataFolder(tmp_path / "other")
    with folder.locked():
        folder.announce(http="http://h:1", nats="nats://h:2", store="mongodb://h:3", monitor="http://h:4")
        found = find_platform(data=tmp_path / "other")
        assert (found.nats, found.store, found.namespace) == ("nats://h:2", "mongodb://h:3", "n2")
        assert find_platform(data=tmp_path / "other", nats="nats://given:1").nats == "nats://given:1"
    with pytest.raises(ConfigurationError, match="no natya up is ready on"):
        find_platform(data=tmp_path / "other")


def test_what_a_killed_platform_has_announced_does_not_count(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps({"nats": "nats://h:2", "pid": os.getpid(), "started": 1}))
    assert DataFolder(tmp_path).running() is None
    for damaged in ("", "[]", '{"nats": "x"}'):
        ready.write_text(damaged)
        assert DataFolder(tmp_path).running() is None


def test_where_an_actor_is_reads_as_sentences() -> None:
    owner = {"node": "worker-1", "incarnation": "worker-1-x-1", "epoch": 3, "alive": True, "server": "NABC"}
    found = {
        "kind": "account", "key": "a.b", "token": "a%2Eb", "partition": 5, "partitions": 16, "stateless": False,
        "nodes": ["worker-1"], "owner": owner,
    }  # fmt: skip
    assert render(found).splitlines() == [
        "account/a.b is in partition 5 of 16",
        "its key in a subject is a%2Eb",
        "owned by worker-1, incarnation worker-1-x-1, in epoch 3",
        "which is connected to the NATS server NABC",
    ]
    gone = render(found | {"owner": owner | {"alive": False}})
    assert "last owned by worker-1-x-1 in epoch 3, which is gone: another node will take over" in gone
    lost = render(found | {"owner": None, "nodes": []})
    assert "nobody owns the partition now\nno node hosts account: start a worker" in lost
    assert "stateless: its asks go to any of worker-1" in render(found | {"stateless": True})


def test_a_dead_letter_is_shown_with_its_key_as_people_write_it() -> None:
    data = b'{"kind":"account","key":"a%2Eb","method":"m","sequence":1,"attempts":2,"error":{},"headers":{},"body":"{}"}'
    letter = letter_of(Stored("natya.dead.account.a%2Eb.m", 4, data, {}, 0))
    assert letter == {
        "number": 4, "time": "1970-01-01T00:00:00.000+00:00", "kind": "account", "key": "a.b", "method": "m", "attempts": 2,
        "error": {}, "headers": {}, "body": "{}",
    }  # fmt: skip
    assert letter_of(Stored("s", 4, data.replace(b"a%2Eb", b"a%2eb"), {}, 0))["key"] == "a%2eb"
    assert letter_of(Stored("s", 4, b"hello", {}, 0))["raw"] == "hello"
