"""``natya worker``: what it hosts, how it says that it is ready, how signals end it. The node is a stand-in."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_ops.applications import load

APPLICATION = """
from natya import StatelessActor, query

class Greeter(StatelessActor):
    '''Says hello.'''

    @query
    async def hello(self) -> str:
        return "hello"
"""

PROGRAM = """
import asyncio, sys, types
node = types.ModuleType("natya.node")
async def run_node(settings, definitions, *, ready, stop):
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    print([definition.kind for definition in definitions], file=sys.stderr)
    ready()
    await stop.wait()
    print("draining", flush=True)
    await asyncio.sleep(0 if "quick" in sys.argv else 3600)
node.run_node = run_node
sys.modules["natya.node"] = node
from natya.settings import Settings
from natya_ops.worker import run
run("greetings", Settings(node="n1"))
"""


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "greetings.py").write_text(APPLICATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@asynccontextmanager
async def worker(folder: Path, how: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, how, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def line(child: asyncio.subprocess.Process) -> bytes:
    assert child.stdout is not None
    return await asyncio.wait_for(child.stdout.readline(), 60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_ready_and_drains_when_told_to_end(application: Path, number: signal.Signals) -> None:
    async with worker(application, "quick") as child:
        assert json.loads(await line(child)) == {"event": "ready", "node": "n1", "pid": child.pid}
        child.send_signal(number)
        assert await line(child) == b"draining\n"
        assert await asyncio.wait_for(child.wait(), 60) == 0
        assert child.stderr is not None
        assert await child.stderr.read() == b"['greeter']\n"


async def test_a_second_signal_ends_a_drain_at_once(application: Path) -> None:
    async with worker(application, "slow") as child:
        await line(child)
        child.send_signal(signal.SIGTERM)
        await line(child)
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 60) == 1


def test_an_application_is_found_in_the_working_folder(application: Path) -> None:
    try:
        assert [definition.kind for definition in load("greetings")] == ["greeter"]
    finally:
        del sys.modules["greetings"]


def test_a_module_that_is_missing_or_empty_is_named(application: Path) -> None:
    (application / "nothing_here.py").write_text("")
    (application / "needs.py").write_text("import no_such_library")
    with pytest.raises(ConfigurationError, match="there is no module 'no_such_module'"):
        load("no_such_module.actors")
    with pytest.raises(ConfigurationError, match="nothing_here has no actors"):
        load("nothing_here")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load("needs")
