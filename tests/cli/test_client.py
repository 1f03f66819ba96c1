"""``natya client``: what it writes is typed, and works."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mypy import api as mypy

from cli.conftest import Failing, Up, run
from natya_edge.openapi.document import describe
from natya_ops.http_client.module import write_module
from support.edge import DEFINITIONS

USE = """\
from natya_client import AccountBalance, InboxNote, Natya


async def use(natya: Natya) -> tuple[AccountBalance, int, list[InboxNote]]:
    balance = await natya.account("alice", idempotency_key="d1").deposit(amount=5)
    state, version = await natya.account("alice").state()
    return balance, state.balance + version, await natya.inbox("alice").newest(limit=1)
"""
WRONG = """\
from natya_client import Natya


async def use(natya: Natya) -> str:
    return await natya.account("alice").deposit(amount="5")
"""


def loaded(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(folder: Path, *files: str) -> tuple[str, int]:
    output, errors, code = mypy.run(
        ["--strict", "--config-file", "", "--cache-dir", str(folder / "cache"), *(str(folder / file) for file in files)]
    )
    assert errors == ""
    return output, code


@pytest.mark.slow
async def test_the_client_of_a_running_platform_works(up: Up) -> None:
    made = up.document("client")
    assert made["kinds"] == ["account", "greeter", "inbox", "transfer"]
    client: Any = loaded(up.folder / made["file"], "client_of_up")
    async with client.Natya(made["url"], up.ready["token"]) as natya:
        account = natya.account("client/1", idempotency_key="d1")
        assert [(await account.deposit(amount=5)).balance for _ in range(2)] == [5, 5]
        state, version = await natya.account("client/1").state()
        assert (state.balance, version) == (5, 1)
        with pytest.raises(client.Problem) as rejected:
            await natya.account("client/1").withdraw(amount=50)
        assert (rejected.value.status, rejected.value.code, rejected.value.document["balance"]) == (
            409,
            "insufficient_funds",
            5,
        )
        with pytest.raises(client.Problem, match="412 precondition_failed"):
            await natya.account("client/1", if_version=7).deposit(amount=1)
        for text in ("one", "two"):
            await natya.inbox("client").deliver(text=text)
        (newest,) = await natya.inbox("client").newest(limit=1)
        assert (newest.text, newest.at.tzinfo is not None) == ("two", True)
        assert (await natya.greeter("Ada").greet()).text == "Hello, Ada!"
        assert (await natya.transfer("client").status()).phase is client.TransferPhase.NEW


@pytest.mark.slow
def test_the_client_passes_mypy_strict_and_so_does_only_what_is_right(up: Up, tmp_path: Path) -> None:
    up.document("client", "--out", str(tmp_path / "natya_client.py"))
    (tmp_path / "use.py").write_text(USE)
    assert checked(tmp_path, "natya_client.py", "use.py")[1] == 0
    (tmp_path / "wrong.py").write_text(WRONG)
    output, code = checked(tmp_path, "wrong.py")
    assert (code, "arg-type" in output, "return-value" in output) == (1, True, True)


@pytest.mark.slow
def test_a_kind_with_parameters_of_every_type_has_a_typed_client(tmp_path: Path) -> None:
    document = describe({kind: definition.manifest() for kind, definition in DEFINITIONS.items()})
    (tmp_path / "natya_client.py").write_text(write_module(document, "a test"))
    assert checked(tmp_path, "natya_client.py") == ("Success: no issues found in 1 source file\n", 0)


def test_an_edge_that_is_not_there_is_one_line(tmp_path: Path, failure: Failing) -> None:
    assert failure("client", "http://127.0.0.1:1").startswith("cannot read http://127.0.0.1:1/openapi.json: ")
    done = run(tmp_path, "client", "http://127.0.0.1:1")
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
