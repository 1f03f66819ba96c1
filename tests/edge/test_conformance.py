"""schemathesis against a real edge, with real servers behind it: what the OpenAPI document says is what happens.

All of its checks: no status 500 or above but those that the document declares, no status, header or body that it does not, no valid
request refused, no invalid one accepted, no operation that works without its token.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import Running
from natya_edge.openapi.access import BEARER
from support.edge import SECRET

TESTS = Path(__file__).parents[1]
CONFIG = """\
[checks.positive_data_acceptance]
# A version that is not the actor's, and an Idempotency-Key that came before with another body, are not in any schema.
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "412", "413", "415", "422"]
"""
KINDS = ("account", "greeter", "inbox", "transfer", "platform")


async def run(edge: Running, folder: Path, *arguments: str, seconds: int) -> int:
    """The exit code of schemathesis, 0 if it finds nothing; what it finds is printed."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli",
        "run", f"{edge.url}/openapi.json",
        "--checks", "all", "--continue-on-failure", "--generation-deterministic", "--no-color",
        *(word for kind in KINDS for word in ("--include-tag", kind)), "--max-time", str(seconds),
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(child.communicate(), seconds * 2 + 60)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    print(output.decode())
    return child.returncode or 0


@pytest.mark.slow
async def test_schemathesis_finds_nothing_with_a_token(edge: Running, tmp_path: Path) -> None:
    token = make_dev_token(SECRET, "dev", roles=("operator",))
    assert await run(edge, tmp_path, "-H", f"Authorization: Bearer {token}", "-n", "25", seconds=100) == 0


@pytest.mark.slow
async def test_schemathesis_finds_nothing_without_a_token(edge: Running, tmp_path: Path) -> None:
    assert await run(edge, tmp_path, "-n", "5", "--phases", "examples,fuzzing", seconds=40) == 0


async def test_no_operation_ignores_that_there_is_no_good_token(edge: Running) -> None:
    headers = [{}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {make_dev_token('another secret' * 5)}"}]
    guarded = 0
    async with ClientSession(edge.url) as http:
        async with http.get("/openapi.json") as response:
            paths = (await response.json())["paths"]
        for path, operations in paths.items():
            for method, operation in operations.items():
                for given in headers if any(BEARER in way for way in operation["security"]) else ():
                    guarded += 1
                    async with http.request(method, path.replace("{key}", "alice"), headers=given) as response:
                        assert (path, response.status) == (path, 401)
    assert guarded > 30
