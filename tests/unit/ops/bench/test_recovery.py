"""How a recovery is recognised."""

from __future__ import annotations

from pathlib import Path

from natya.names import partition_of
from natya_ops.bench.recovery import keys_of, recovered

LOG = """\
not JSON at all: "partition_recovered"
{"event": "partition_claimed", "kind": "account", "partition": 3}
{"event": "partition_recovered", "kind": "inbox", "partition": 3, "seconds": 9.0}
{"event": "partition_recovered", "kind": "account", "partition": 3, "seconds": 0.5}
"""


def test_keys_are_of_one_partition() -> None:
    keys = keys_of(3, 50)
    assert len(set(keys)) == 50
    assert {partition_of(key, 16) for key in keys} == {3}


async def test_the_worker_s_log_tells_how_long_a_partition_took(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(LOG)
    found = await recovered(log, 3)
    assert found is not None
    assert found["seconds"] == 0.5
    assert await recovered(log, 4, patience=0.0) is None
