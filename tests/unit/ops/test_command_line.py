"""The command line: quick, clear, and with exit codes that scripts can rely on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya.settings import Settings
from natya_ops.commands import output
from natya_ops.configuration import read_settings


def natya(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "natya_ops", *arguments], capture_output=True, text=True, timeout=60)


class Probe(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b"" if self.path == "/readyz" else b"no lease")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def probe() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Probe) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_help_lists_the_commands_without_importing_what_is_heavy() -> None:
    program = (
        "import sys, natya_ops.cli\n"
        "heavy = {'natya', 'aiohttp', 'motor', 'pymongo', 'nats', 'bson', 'pydantic', 'opentelemetry', 'uvloop', 'jwt'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    shown = natya("--help")
    assert shown.returncode == 0
    for command in ("up", "worker", "edge", "health"):
        assert f" {command} " in shown.stdout


@pytest.mark.parametrize(
    "arguments", [("up", "--workers", "0"), ("up", "--http-port", "70000"), ("nonsense",), ("health", "--url", "ftp://x")]
)
def test_wrong_use_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = natya(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error" in done.stderr


def test_up_names_a_module_that_is_not_there(tmp_path: Path) -> None:
    done = natya(
        "up", "--app", "no_such_module", "--data", str(tmp_path), "--http-port=0", "--nats-port=0", "--store-port=0"
    )
    assert done.returncode == 1
    assert done.stderr == "natya: there is no module 'no_such_module': --app names an importable Python module with actors\n"


def test_up_names_a_folder_it_cannot_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = natya("up", "--data", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith("natya: cannot write to the folder ")
    assert done.stderr.count("\n") == 1


def test_health_says_whether_it_is_ready(probe: str) -> None:
    well = natya("health", "--url", f"{probe}/readyz", "--json")
    assert (well.returncode, json.loads(well.stdout)) == (0, {"url": f"{probe}/readyz", "status": 200})
    ill = natya("health", "--url", f"{probe}/other")
    assert (ill.returncode, ill.stderr) == (1, f"natya: {probe}/other is not ready: 503 no lease\n")


def test_a_wrong_setting_is_named_as_it_is_spelled_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_REPLICAS", "many")
    with pytest.raises(ConfigurationError, match="wrong setting: NATYA_REPLICAS is 'many': input should be a valid integer"):
        read_settings(Settings)
    assert read_settings(Settings, replicas=3, nats=None).replicas == 3


def test_a_node_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_NODE", "")
    with pytest.raises(ConfigurationError, match="wrong setting: NATYA_NODE is '': string should have at least 1 character"):
        read_settings(Settings)


def test_results_are_text_for_people_and_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.show({"a": "ä"}, True, lambda: "never")
    output.show({}, False, lambda: "text")
    output.show({}, False, lambda: output.table(["kind"], [["[bold]account"]]))
    assert capsys.readouterr().out.split() == ['{"a":', '"ä"}', "text", "kind", "[bold]account"]


def test_progress_shows_up_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            told.set()
            return super().write(text)

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with output.progress("asking"):
        pass
    assert screen.getvalue() == ""
    monkeypatch.setattr(output, "QUIET", 0.0)
    with output.progress("asking"):
        assert told.wait(10)
    assert screen.getvalue() == "asking …\n"
