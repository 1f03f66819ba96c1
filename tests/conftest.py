"""What tests of all parts share: servers, and names of their own on them."""

from __future__ import annotations

import gc
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from natya_ops.servers import NatsServer, StoreServer
from support.servers import in_background


def pytest_collection() -> None:
    """Python before 3.11.9 can fail with "AST constructor recursion depth mismatch" when the collector runs while a module's
    assertions are rewritten (python/cpython#106905): no collecting until all modules are."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()


def pytest_configure() -> None:
    """A shell without job control starts what runs in its background with Ctrl-C ignored, and so would be every process that a test
    starts and then ends with it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server shared by the tests of this process: use `namespace` to stay apart, never stop it."""
    with in_background(NatsServer(tmp_path_factory.mktemp("nats"))) as server:
        yield server.url


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store shared by the tests of this process: use `database` to stay apart, never stop it."""
    with in_background(StoreServer(tmp_path_factory.mktemp("store"))) as server:
        yield server.url


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def database(namespace: str) -> str:
    """A database that no other test uses."""
    return namespace


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server of the test's own, which it may kill and start again. Ready in about 60 ms."""
    async with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def store_server(tmp_path: Path) -> AsyncIterator[StoreServer]:
    """A store of the test's own, which it may kill and start again. Takes about a second to start and two to end."""
    async with StoreServer(tmp_path / "store") as server:
        yield server
