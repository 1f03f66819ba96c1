"""``natya kinds``, ``describe``, ``where``, ``token`` and ``doctor``; and a platform that is not there."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

from cli.conftest import Failing, Up, run, without_progress
from natya.settings import Settings
from natya_ops.doctor.examination import examine
from natya_ops.doctor.findings import Level
from natya_ops.servers import NatsServer
from support.jetstream_world import ConfiguredServer


def test_kinds_are_listed_with_the_nodes_that_host_them(up: Up) -> None:
    kinds = {one["kind"]: one for one in up.document("kinds")["kinds"]}
    assert {"account", "greeter", "inbox", "transfer"} <= kinds.keys()
    account = kinds["account"]
    assert (account["nodes"], account["partitions"], account["stateless"]) == (["worker-1", "worker-2"], 16, False)
    assert account["methods"] == ["balance", "deposit", "withdraw"]
    shown = up.natya("kinds").stdout
    assert "A bank account." in shown
    assert "stateless" in shown


def test_a_kind_is_described(up: Up, failure: Failing) -> None:
    manifest = up.document("describe", "account")
    assert manifest["methods"]["deposit"]["parameters"]["required"] == ["amount"]
    assert manifest["nodes"] == ["worker-1", "worker-2"]
    assert "deposit(amount: integer > 0) -> {balance: integer}" in up.natya("describe", "account").stdout
    assert failure("describe", "nope").startswith("unknown_kind: no kind 'nope' is deployed")


def test_where_an_actor_is(up: Up) -> None:
    found = up.document("where", "account", "a.b")
    assert (found["token"], found["partitions"], 0 <= found["partition"] < 16) == ("a%2Eb", 16, True)
    owner = found["owner"]
    assert (owner["alive"], owner["node"] in ("worker-1", "worker-2"), owner["epoch"] >= 1) == (True, True, True)
    assert owner["incarnation"].startswith(owner["node"])
    assert f"owned by {owner['node']}" in up.natya("where", "account", "a.b").stdout


def test_a_token_opens_the_edge(up: Up, failure: Failing, tmp_path: Path) -> None:
    up.document("call", "account", "tom", "deposit", '{"amount": 3}')
    token = up.natya("token", "--subject", "tom").stdout.strip()
    request = urllib.request.Request(
        f"{up.ready['http']}/v1/actors/account/tom/balance", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer) == {"balance": 3}
    made = up.document("token", "--hours", "0.5")
    assert made.keys() == {"token", "subject", "roles", "scope", "expires"}
    assert failure("token", "--data", str(tmp_path)).startswith(f"cannot read the signing keys in {tmp_path}/keys")


def test_the_doctor_finds_a_fresh_platform_well(up: Up) -> None:
    limit = time.monotonic() + 60
    while (done := up.natya("doctor", "--json")).returncode and time.monotonic() < limit:
        continue  # a worker that another test has killed is on its way back
    found = json.loads(done.stdout)
    assert [one for one in found["checks"] if one["level"] != "ok"] == []
    assert (found["problems"], found["warnings"]) == (0, 0)
    about = {one["about"]: one["text"] for one in found["checks"]}
    assert about["fsync"].startswith("sync_interval is always")
    assert about.keys() >= {
        "NATS version",
        "JetStream",
        "shared streams",
        "nodes",
        "owners of account",
        "clock",
        "writes",
        "store",
    }
    assert up.natya("doctor").stdout.endswith("all is well\n")


def test_the_doctor_exits_with_1_when_a_part_is_away(up: Up) -> None:
    done = up.natya("doctor", "--json", "--nats", up.ready["nats"], "--store", "mongodb://127.0.0.1:1")
    assert done.returncode == 1
    (problem,) = [one for one in json.loads(done.stdout)["checks"] if one["level"] == "problem"]
    assert (problem["about"], problem["text"].startswith("cannot be reached: ")) == ("store", True)
    assert problem["hint"].startswith("start it, or name it with NATYA_STORE")


def test_a_namespace_without_a_platform_is_named(up: Up, failure: Failing) -> None:
    line = failure("kinds", "--namespace", "other")
    assert line.startswith(f"there is no platform 'other' on {up.ready['nats']} (")
    assert line.endswith("start a worker on it, or choose another with --namespace")
    assert failure("call", "account", "x", "balance", "--namespace", "other").startswith("unavailable: no platform 'other'")


@pytest.mark.parametrize("command", [("kinds",), ("call", "account", "x", "balance")])
def test_nats_that_cannot_be_reached_is_one_line_within_seconds(tmp_path: Path, command: tuple[str, ...]) -> None:
    began = time.monotonic()
    done = run(tmp_path, *command, "--nats", "nats://127.0.0.1:1")
    assert time.monotonic() - began < 20
    (line,) = without_progress(done.stderr)
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith("natya: cannot reach NATS at nats://127.0.0.1:1: ")
    assert line.endswith("; start a platform with natya up, or say where it is with --nats")


async def examined(nats: str) -> dict[str, tuple[Level, str]]:
    settings = Settings(nats=nats, store="mongodb://127.0.0.1:1")
    return {one.about: (one.level, one.text) for one in await examine(settings, monitor="")}


async def test_the_doctor_goes_on_to_the_store_when_nats_is_away() -> None:
    found = await examined("nats://127.0.0.1:1")
    assert found["NATS"][0] is Level.PROBLEM
    assert found.keys() == {"NATS", "store"}


async def test_the_doctor_says_how_to_turn_jetstream_on(tmp_path: Path) -> None:
    async with ConfiguredServer(tmp_path, jetstream=None) as server:
        found = await examined(server.url)
    assert found["JetStream"] == (Level.PROBLEM, "the server runs without JetStream")
    assert found.keys() == {"NATS", "NATS version", "JetStream", "store"}


async def test_the_doctor_says_what_it_cannot_tell_and_that_no_platform_is_there(nats_server: NatsServer) -> None:
    found = await examined(nats_server.url)
    assert found["fsync"][0] is Level.WARNING
    assert found["fsync"][1].startswith("cannot tell: ")
    assert found["platform"][0] is Level.PROBLEM
    assert "there is no platform 'natya'" in found["platform"][1]
