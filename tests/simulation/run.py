"""One seed from its plan to its verdict."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from traceback import format_exception
from typing import Any, TypeVar
from typing import Final as Constant

from natya.errors import NatyaError
from natya.testing.cluster import at_rest
from natya_ops.chaos.record import Operation, Outcome
from simulation.actors import STUMBLED
from simulation.checks import Final, judge
from simulation.client import Client
from simulation.loop import NothingToDo
from simulation.plan import Plan
from simulation.report import Report
from simulation.stage import DEFINITIONS, Stage
from simulation.strikes import Strikes
from simulation.workload import BOOKS, PURSES, SAVINGS, Lane, endow

T = TypeVar("T")

READY_WITHIN: Constant = 10.0
ANSWER_WITHIN: Constant = 15.0
REST_WITHIN: Constant = 20.0


class TooLate(Exception):
    """Raised when what must come has not come in time, though nothing is wrong any more."""


def run(seed: int) -> Report:
    """Run one seed. Never raises for what the platform does wrong: that is in the report."""
    began = time.process_time()
    plan = Plan.of(seed)
    stage = Stage(plan)
    STUMBLED.clear()
    collecting = gc.isenabled()
    gc.disable()
    operations: list[Operation] = []
    asyncio.set_event_loop(stage.loop)
    try:
        violations = stage.perform(_play(stage, operations))
    except (TooLate, NothingToDo, NatyaError) as error:
        violations = [str(error)]
    except Exception as error:  # noqa: BLE001 - the top of a run: whatever it is, it belongs to this seed
        violations = ["".join(format_exception(error))]
    violations += stage.bugs
    report = Report(plan, violations, stage.trace, stage.loop.steps, stage.loop.time())
    report.count(operations)
    stage.strike_down()
    asyncio.set_event_loop(None)
    if collecting:
        gc.enable()
    report.seconds = time.process_time() - began
    return report


async def _play(stage: Stage, operations: list[Operation]) -> list[str]:
    await stage.prepare()
    for machine in stage.machines:
        machine.start()
    clients = [Client(stage, number + 1) for number in range(stage.plan.clients)]
    await _until(
        stage, lambda: all(machine.node and machine.node.ready for machine in stage.machines), READY_WITHIN, "ready"
    )
    for client in clients:
        await _in(client, client.start())
    await _in(clients[0], endow(clients[0]))
    strikes = asyncio.create_task(Strikes(stage).run())
    lanes = [
        asyncio.create_task(Lane(stage, client, number).run(), context=client.process.context.copy())
        for client in clients
        for number in range(stage.plan.lanes)
    ]
    await strikes
    await asyncio.gather(*lanes)
    silent = await _in(clients[0], _ask_all(clients[0]))
    for client in clients:
        operations += client.operations
    for machine in stage.machines:
        machine.check()
    if stage.bugs:
        return []
    late: list[str] = []
    try:
        await _until(stage, lambda: _rests(stage), REST_WITHIN, "everything to be done and written")
    except TooLate as error:
        late = [str(error)]
    final = await _read(stage, clients[0])
    return [*silent, *late, *judge(stage, operations, final)]


async def _ask_all(client: Client) -> list[str]:
    """Nothing is wrong any more: every actor answers. Those that do not."""
    asked = [await client.ask("book", key, "write", timeout=ANSWER_WITHIN, line=f"the last of {key}") for key in BOOKS]
    asked += [await client.ask("purse", key, "deposit", timeout=ANSWER_WITHIN, amount=1) for key in SAVINGS]
    return [
        f"{op.kind}/{op.key} did not answer after the last heal: {op.error}" for op in asked if op.outcome is not Outcome.OK
    ]


def _rests(stage: Stage) -> bool:
    nodes = [machine.node for machine in stage.machines if machine.node is not None]
    return (
        all(node.ready for node in nodes)
        and at_rest(nodes, DEFINITIONS, stage.network)
        and not any(partition.unwritten for node in nodes for partition in node.partitions)
    )


async def _read(stage: Stage, client: Client) -> Final:
    """What every actor is in the end, as its owner says."""
    final: Final = {}
    for kind, keys in (("book", BOOKS), ("purse", (*PURSES, *SAVINGS))):
        for key in keys:
            final[kind, key] = await _in(client, client.platform.state(kind, key, timeout=5.0))
    return final


async def _in(client: Client, work: Coroutine[Any, Any, T]) -> T:
    """Do this in the client's process."""
    return await asyncio.create_task(work, context=client.process.context.copy())


async def _until(stage: Stage, condition: Callable[[], object], seconds: float, what: str) -> None:
    until = stage.loop.time() + seconds
    while not condition():
        if stage.loop.time() >= until:
            raise TooLate(f"waited {seconds:g} s for {what}")
        await asyncio.sleep(0.05)
