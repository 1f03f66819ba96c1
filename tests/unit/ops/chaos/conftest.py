"""A run that never took place, with everything in it that a report can have to show."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from natya_ops.chaos.checks import Verdict
from natya_ops.chaos.observe import Seen
from natya_ops.chaos.options import Options
from natya_ops.chaos.plan import draw
from natya_ops.chaos.record import Operation, Outcome, Strike, Verb
from natya_ops.chaos.run import Result

FAULTS = ("disk", "drain", "edge", "kill", "nats", "partition", "stop", "store")
PLACE = {
    "natya": "0.1.0", "processor": "A processor", "cores": 2, "memory_gib": 16.0, "system": "Linux 6.1", "python": "3.11.2",
    "file_system": "ext4", "fsync_ms": 0.42, "load_before": 0.3, "nats": "nats-server 2.15.1", "store": "SecantusDB 0.7.0b3",
    "workers": 3, "started_here": True, "partitions": {"account": 16, "inbox": 16, "transfer": 16}, "replicas": 1,
    "sync_interval": "always", "lease_ttl": 3.0,
}  # fmt: skip
RECOVERIES = {
    "kill": 0.12,
    "stop": 3.1,
    "partition": 3.3,
    "drain": 0.01,
    "edge": 1.4,
    "nats": 0.8,
    "store": 0.05,
    "disk": 1.9,
}


def make_result(seconds: float = 60.0, faults: tuple[str, ...] = FAULTS, *, seed: int = 7) -> Result:
    """A run of ``seconds`` in which everything held."""
    chance = random.Random(seed)
    plan = draw(seed, seconds, faults)
    result = Result(Options(seconds, seed, Path("report")), "c7abc", plan, dict(PLACE))
    result.loaded, result.unloaded, result.settled = 4.0, seconds + 9.0, True
    for planned in plan.strikes:
        begun = result.loaded + planned.at
        strike = Strike(planned.fault, f"worker-{1 + planned.seed % 3} (pid 4711)", begun, begun + planned.hold)
        since = strike.healed if planned.fault in ("nats", "store", "disk") else begun
        strike.recovered = since + RECOVERIES[planned.fault] * chance.lognormvariate(0, 0.4)
        result.seen.append(Seen(planned, strike, begun))
    ways = [(Verb.ASK, "nats"), (Verb.ASK, "edge"), (Verb.QUERY, "nats"), (Verb.QUERY, "edge"), (Verb.TELL, "nats")]
    for number in range(int(result.unloaded * 200)):
        verb, via = chance.choice(ways)
        begun = number / 200
        latency = chance.lognormvariate(-4.7, 0.5)
        down = [seen.strike for seen in result.seen if seen.strike.begun <= begun < seen.strike.recovered]
        if down and chance.random() < 0.4:
            latency += down[0].recovered - begun
        outcome = Outcome.REFUSED if verb is Verb.ASK and chance.random() < 0.1 else Outcome.OK
        operation = Operation(
            1 + number % 24, via, verb, "account", "hot", "deposit", f"id-{number}", begun, ended=begun + latency,
            outcome=outcome, attempts=1 + (latency > 0.3),
        )  # fmt: skip
        result.recorder.operations.append(operation)
        result.recorder.ended[outcome] += 1
    result.recorder.troubles.update({"nats: silence": 812, "nats: no responders": 104, "edge: connection refused": 55})
    result.recorder.began_at = 1_790_000_000.0
    result.verdicts = [
        Verdict("effects", True, 11_203, "11,203 acknowledged operations are in the journals exactly once"),
        Verdict("linearizable", True, 9_120, "9,120 operations on 20 accounts have an order that explains them"),
        Verdict("transfers", True, 412, "412 transfers ended, and the purses hold what they held"),
    ]
    return result


@pytest.fixture
def held() -> Result:
    """A run in which everything held."""
    return make_result()


@pytest.fixture
def violated() -> Result:
    """A run with a violation, a check that was not decided, a strike without recovery, and callers without an answer."""
    result = make_result(20.0, ("kill", "nats"))
    result.seen[0].strike.recovered = math.inf
    for number, outcome in enumerate((Outcome.FAILED, Outcome.UNKNOWN)):
        operation = result.recorder.operations[100 + number]
        operation.outcome, operation.ended = outcome, math.inf if outcome is Outcome.UNKNOWN else operation.ended
    result.skipped = {"disk": "no small file system can be mounted here"}
    result.verdicts = [
        Verdict(
            "effects", False, 4_000, "2 of 4,000 operations took effect twice", ["id-7 stands in <b>two</b> records: 12, 19"]
        ),
        Verdict("minimum", None, 3, "too little happened", ["the fault disk never struck"]),
    ]
    return result
