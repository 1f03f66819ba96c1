"""``natya users`` and ``natya clients``, against a real platform."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import NATYA, Failing, Up, environment, without_progress

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"


def add_user(up: Up, name: str, *options: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return up.natya("users", "add", name, *options, stdin=f"{password}\n")


@pytest.mark.slow
def test_a_user_is_added_changed_and_removed(up: Up, failure: Failing) -> None:
    done = add_user(up, "Ida@Example.com", "--scope", "a", "--scope", "b", "--role", "teller", "--json")
    assert without_progress(done.stderr) == []
    added = json.loads(done.stdout)
    assert {name: added[name] for name in ("id", "scopes", "roles", "disabled")} == {
        "id": "ida@example.com",
        "scopes": ["a", "b"],
        "roles": ["teller"],
        "disabled": False,
    }
    assert up.document("users", "show", "IDA@example.com") == added
    assert added in up.document("users", "ls")["users"]
    assert "hash" not in added
    changed = up.document("users", "set", "ida@example.com", "--scope", "c", "--no-roles")
    assert (changed["scopes"], changed["roles"]) == (["c"], [])
    assert up.document("users", "disable", "ida@example.com")["disabled"] is True
    assert up.document("users", "enable", "ida@example.com")["disabled"] is False
    shown = up.natya("users", "show", "ida@example.com").stdout
    assert re.search(r"^scopes +c$", shown, re.MULTILINE)
    assert up.document("users", "rm", "ida@example.com") == {"removed": "ida@example.com"}
    assert failure("users", "show", "ida@example.com").startswith("invalid: there is no user 'ida@example.com'")


def test_a_password_comes_from_standard_input_and_is_long_enough(up: Up) -> None:
    for password, said in (
        ("short", "at least 12 are needed"),
        ("", "this cannot be a password"),
        ("x" * 1025, "at most 1024"),
    ):
        done = add_user(up, "short", password=password)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
    assert up.natya("users", "add", "ann", PASSWORD).returncode == 2


def test_a_name_is_taken_once(up: Up) -> None:
    assert add_user(up, "una").returncode == 0
    assert "there is a user 'una' already" in add_user(up, "UNA").stderr


def test_a_client_s_secret_is_shown_once(up: Up) -> None:
    added = up.document("clients", "add", "shop", "--grant", "password", "--grant", "refresh_token", "--scope", "a")
    assert (added["id"], added["grants"], len(added["secret"])) == ("shop", ["password", "refresh_token"], 43)
    shown = up.document("clients", "show", "shop")
    assert "secret" not in shown
    assert shown in up.document("clients", "ls")["clients"]
    secret = up.natya("clients", "secret", "shop").stdout.strip()
    assert secret != added["secret"]
    assert up.document("clients", "set", "shop", "--grant", "client_credentials")["grants"] == ["client_credentials"]
    assert up.document("clients", "disable", "shop")["disabled"] is True
    assert up.document("clients", "rm", "shop") == {"removed": "shop"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("users", "show", "a b"), "invalid: 'a b' is no user name"),
        (("users", "disable", "nobody"), "invalid: there is no user 'nobody': natya users ls lists"),
        (("clients", "show", "nothing"), "invalid: there is no client 'nothing': natya clients ls lists"),
        (("clients", "add", "Big"), "invalid: 'Big' is no client id"),
        (("clients", "add", "big", "--scope", "a b"), "invalid: 'a b' is no scope"),
        (("users", "ls", "--store", "mongodb://127.0.0.1:1"), "the store cannot be reached: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(failure: Failing, arguments: tuple[str, ...], line: str) -> None:
    assert failure(*arguments).startswith(line)


@pytest.mark.parametrize(
    "arguments", [("users", "set", "ann"), ("clients", "set", "dev"), ("clients", "add", "x", "--grant", "implicit")]
)
def test_an_option_that_is_wrong_is_wrong_use(up: Up, arguments: tuple[str, ...]) -> None:
    assert up.natya(*arguments).returncode == 2


def test_the_client_for_development_may_do_everything_and_is_kept(up: Up) -> None:
    client = up.ready["client"]
    assert client["id"] == "dev"
    assert (up.folder / ".natya" / "dev.secret").stat().st_mode & 0o777 == 0o600
    assert up.document("clients", "show", "dev")["roles"] == ["operator"]
    command = f"""curl -s -u dev:{client["secret"]} -d grant_type=client_credentials {up.ready["http"]}/oauth/token"""
    answer = json.loads(subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60).stdout)
    command = (
        f"""curl -s -H "Authorization: Bearer {answer["access_token"]}" {up.ready["http"]}/v1/actors/account/d/balance"""
    )
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60).stdout
    assert json.loads(shown) == {"balance": 0}


@pytest.mark.slow
def test_the_page_s_commands_do_what_it_shows(up: Up, tmp_path: Path) -> None:
    """All commands of the page in one shell, as a reader would type them."""
    page = (ROOT / "docs" / "oauth.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).splitlines()
    natya = tmp_path / "natya"
    natya.write_text(f'#!/bin/sh\nexec {" ".join(NATYA)} "$@"\n')
    natya.chmod(0o755)
    script, shown = ["set -e"], []
    for line in lines:
        if line.startswith("$ "):
            script += [line[2:].replace("http://127.0.0.1:8080", up.ready["http"]), "echo"]
        else:
            shown.append(json.loads(line))
    assert len(script) > 10
    path = f"{tmp_path}:{Path(sys.executable).parent}:{environment()['PATH']}"
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        cwd=up.folder,
        env={**environment(), "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answered = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    changing = {"access_token", "refresh_token"}
    assert len(answered) == len(shown) == 2
    for was, is_shown in zip(answered, shown, strict=True):
        assert was.keys() == is_shown.keys()
        assert {name: was[name] for name in was.keys() - changing} == {
            name: is_shown[name] for name in is_shown.keys() - changing
        }
