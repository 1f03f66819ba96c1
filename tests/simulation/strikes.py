"""Doing what a plan says: each fault strikes, lasts, and is healed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from simulation.machine import Machine
from simulation.network import PINGS, Link
from simulation.plan import Strike
from simulation.process import State
from simulation.stage import Stage
from simulation.weather import Front

SUBJECTS = {
    "appends": "natya.journal.*",
    "registry": "$KV.*",
    "calls": "natya.call.*",
    "reads": "$JS.API.*",
    "letters": "natya.[te][ev]*",
}


class Strikes:
    """The faults of one run. `run` ends when all is healed and every machine runs again."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._does: dict[str, Callable[[Strike, Machine], Awaitable[None]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "freeze": self._freeze,
            "cut": self._cut,
            "break": self._break,
            "client": self._break_client,
            "lease": self._lose_lease,
            "server restarted": self._restart_server,
            "server frozen": self._freeze_server,
            "store away": self._store_away,
            "store slow": self._store_slow,
            "no room": self._no_room,
            **dict.fromkeys(SUBJECTS, self._bad_weather),
        }

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for strike in self._stage.plan.strikes:
                tasks.create_task(self._strike(strike))
        self._heal()

    async def _strike(self, strike: Strike) -> None:
        await asyncio.sleep(strike.at - self._stage.loop.time())
        trace = self._stage.trace
        trace.add("FAULT", str(strike))
        await self._does[strike.fault](strike, self._stage.machines[strike.target])
        trace.add("HEALED", str(strike))

    def _heal(self) -> None:
        stage = self._stage
        stage.weather.clear()
        stage.store.calm()
        for machine in stage.machines:
            machine.thaw()
            machine.start()
        stage.trace.add("HEALED", "everything")

    # what happens to a machine

    async def _kill(self, strike: Strike, machine: Machine) -> None:
        machine.kill_in(int(strike.roll * 60))
        await asyncio.sleep(0.2)
        machine.kill()
        await asyncio.sleep(strike.seconds)
        machine.start()

    async def _stop(self, strike: Strike, machine: Machine) -> None:
        machine.stop()
        limit = 2 * self._stage.plan.settings.drain_timeout + 8.0
        until = self._stage.loop.time() + limit
        while not machine.reap():
            if self._stage.loop.time() > until:
                self._stage.bugs.append(f"{machine.name} was told to stop and has not ended after {limit:g} s")
                return
            await asyncio.sleep(0.05)
        await asyncio.sleep(strike.seconds)
        machine.start()

    async def _freeze(self, strike: Strike, machine: Machine) -> None:
        machine.freeze()
        await asyncio.sleep(min(strike.seconds, PINGS))
        if strike.seconds > PINGS:
            if machine.link is not None:
                machine.link.break_off(lose=False)
            await asyncio.sleep(strike.seconds - PINGS)
        machine.thaw()

    async def _cut(self, strike: Strike, machine: Machine) -> None:
        """Nothing gets through; what was sent does later, unless the connection is given up before."""
        stage, link = self._stage, machine.link
        until = stage.loop.time() + strike.seconds
        stage.weather.cuts[machine.name] = until
        if link is not None:
            link.cut_until = until
        await asyncio.sleep(min(strike.seconds, PINGS))
        if link is not None and strike.seconds > PINGS:
            link.break_off(lose=True)
            await asyncio.sleep(strike.seconds - PINGS)

    async def _break(self, strike: Strike, machine: Machine) -> None:
        if machine.link is not None:
            await self._break_off(machine.link, strike)

    async def _break_client(self, strike: Strike, machine: Machine) -> None:
        clients = self._stage.clients
        await self._break_off(clients[strike.target % len(clients)], strike)

    async def _break_off(self, link: Link, strike: Strike) -> None:
        link.cut_until = self._stage.loop.time() + strike.seconds
        link.break_off(lose=strike.roll < 0.5)
        await asyncio.sleep(strike.seconds)

    # what happens between them

    async def _bad_weather(self, strike: Strike, machine: Machine) -> None:
        connection = machine.name if strike.roll < 0.7 else "*"
        sent = strike.roll * 10 % 1 < 0.5
        loss = (0.0, 0.3, 1.0)[int(strike.roll * 100 % 3)]
        delay = 0.0 if loss == 1.0 else strike.seconds
        await self._blow(Front(connection, SUBJECTS[strike.fault], sent, loss, delay), strike.seconds)

    async def _lose_lease(self, strike: Strike, machine: Machine) -> None:
        """The registry hears nothing of the machine, which goes on serving: an owner that does not know that it is none. Soon it
        may not store or read either, so that nothing tells it, and half of the calls pass it by."""
        ttl, name = self._stage.plan.settings.lease_ttl, machine.name
        left = 1.0 + strike.seconds
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._blow(Front(name, SUBJECTS["registry"], True, 1.0), ttl + left))
            await asyncio.sleep(0.8 * ttl)
            if strike.roll < 0.8:
                for what in ("appends", "reads"):
                    tasks.create_task(self._blow(Front(name, SUBJECTS[what], True, 1.0), 0.2 * ttl + left))
                tasks.create_task(self._blow(Front(name, SUBJECTS["calls"], False, 0.5), 0.2 * ttl + left))

    async def _blow(self, front: Front, seconds: float) -> None:
        fronts = self._stage.weather.fronts
        self._stage.trace.add("FAULT", str(front))
        fronts.append(front)
        await asyncio.sleep(seconds)
        if front in fronts:
            fronts.remove(front)

    async def _no_room(self, strike: Strike, machine: Machine) -> None:
        pattern = "natya.*" if strike.roll < 0.3 else "natya.journal.*" if strike.roll < 0.6 else "natya.[te][ev]*"
        self._stage.weather.no_room.append(pattern)
        await asyncio.sleep(strike.seconds)
        if pattern in self._stage.weather.no_room:
            self._stage.weather.no_room.remove(pattern)

    # what happens to the servers

    async def _restart_server(self, strike: Strike, machine: Machine) -> None:
        """What is stored stays; what was on its way is lost, and so is what the server knew of its clients."""
        stage = self._stage
        stage.network.reachable = False
        stage.server.state = State.STOPPED
        for link in stage.network.links:
            link.break_off(lose=True)
        await asyncio.sleep(strike.seconds)
        stage.network.restart()
        stage.loop.resume(stage.server)
        stage.network.reachable = True

    async def _freeze_server(self, strike: Strike, machine: Machine) -> None:
        """What it has received it goes on with later, also from connections that were given up."""
        stage = self._stage
        stage.server.state = State.STOPPED
        await asyncio.sleep(min(strike.seconds, PINGS))
        if strike.seconds > PINGS:
            stage.network.reachable = False
            for link in stage.network.links:
                link.break_off(lose=False)
            await asyncio.sleep(strike.seconds - PINGS)
            stage.network.reachable = True
        stage.loop.resume(stage.server)

    async def _store_away(self, strike: Strike, machine: Machine) -> None:
        self._stage.store.available = False
        await asyncio.sleep(strike.seconds)
        self._stage.store.available = True

    async def _store_slow(self, strike: Strike, machine: Machine) -> None:
        store = self._stage.store
        store.delay, store.loss = strike.seconds, strike.roll * 0.5
        await asyncio.sleep(strike.seconds * 2)
        store.calm()
