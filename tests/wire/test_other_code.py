"""Two workers that have different code for one kind, as while a new version is being deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from natya.settings import Settings
from natya_ops.doctor.examination import examine
from natya_ops.doctor.findings import Level
from support.bare_client import bare_client
from support.cluster import Cluster

pytestmark = pytest.mark.slow  # starts a cluster of its own and moves partitions

EARLIER = """
from natya import Actor, command, query
from pydantic import BaseModel

class State(BaseModel):
    books: str = ""

class Shelf(Actor[State], partitions=8):
    '''Books, one after another.'''

    @command
    async def put(self, book: str) -> str:
        self.state.books = f"{self.state.books} {book}".strip()
        return self.state.books
"""

LATER = """
from typing import Any
from natya import Actor, command, migration, query
from pydantic import BaseModel

class State(BaseModel):
    books: list[str] = []

class Shelf(Actor[State], partitions=8, schema=2):
    '''Books in a list.'''

    @migration(from_schema=1)
    @staticmethod
    def split(state: dict[str, Any]) -> dict[str, Any]:
        return {"books": state["books"].split()}

    @command
    async def put(self, book: str) -> str:
        self.state.books.append(book)
        return " ".join(self.state.books)

    @query
    async def count(self) -> int:
        return len(self.state.books)
"""


async def test_two_workers_with_different_code_for_one_kind_each_serve_their_own_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "shelf_earlier.py").write_text(EARLIER)
    (tmp_path / "shelf_later.py").write_text(LATER)
    async with (
        Cluster(tmp_path, workers=1, app="shelf_earlier", environment={"PYTHONPATH": str(tmp_path)}) as cluster,
        bare_client(cluster.nats.url) as bare,
    ):
        keys = [f"shelf{number}" for number in range(16)]
        for key in keys:
            assert (await bare.ask("shelf", key, "put", {"book": "one"})).result == "one"
        later = cluster.new_worker("worker-2", app="shelf_later")
        cluster.workers.append(later)
        await later.start()

        for key in keys:
            put = await bare.insist("shelf", key, "put", {"book": "two"})
            assert put.result == "one two", "whoever has it, what was stored before is there"
            counted = await bare.insist("shelf", key, "count")
            if counted.code:
                assert counted.outcome == (404, "unknown_method"), "the worker that judged it has the earlier code"
                assert "shelf has no method 'count'; it has put" in counted.json["detail"]
            else:
                assert counted.result == 2, "its owner has the later code"
        found = {
            one.about: one for one in await examine(Settings(nats=cluster.nats.url, store=cluster.store.url), monitor="")
        }
        assert found["code of shelf"].level is Level.WARNING
        assert found["code of shelf"].text.startswith("nodes differ: ")
        assert "worker-1 has " in found["code of shelf"].text
        assert "worker-2 has " in found["code of shelf"].text

        await cluster.workers[0].stop()
        for key in keys:
            assert (await bare.insist("shelf", key, "count")).result == 2
