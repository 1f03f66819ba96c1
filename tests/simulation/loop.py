"""An event loop without a world: virtual time, and a seed that decides whose turn it is."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any, Final

from simulation.process import PROCESS, Process, State

TIME_LIMIT: Final = 600.0
STEPS_LIMIT: Final = 300_000
"""A run that takes more steps than this has somebody in it who goes round in circles."""
STEPS_IN_A_ROW: Final = 100


class NothingToDo(Exception):
    """Raised when nobody can ever go on, or nobody ever comes to an end."""


class CountedFuture(asyncio.Future[Any]):
    """A future that is hashed by its number, so that a set of them has the same order in every run."""

    def __init__(self, loop: SimulationLoop) -> None:
        super().__init__(loop=loop)
        self._number = loop.count()

    def __hash__(self) -> int:
        return self._number


class CountedTask(asyncio.Task[Any]):
    """A task that is hashed by its number."""

    def __init__(self, loop: SimulationLoop, work: Coroutine[Any, Any, Any], context: Context | None) -> None:
        self._number = loop.count()
        super().__init__(work, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number


class SimulationLoop(asyncio.BaseEventLoop):
    """Runs the callbacks of several processes, one at a time; what belongs to none belongs to ``server``.

    ``tasks`` are all tasks ever made that have not ended. Raises `NothingToDo` out of `run_until_complete`.
    """

    _stopping: bool  # the base class's: whether `stop` was called

    def __init__(self, random: Random, server: Process) -> None:
        super().__init__()
        self._random = random
        self._server = server
        self._now = 0.0
        self._numbers = 0
        self._active: list[Process] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Process]] = []
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.steps = 0
        self.steps_limit: float = STEPS_LIMIT
        self.time_limit = TIME_LIMIT

    def time(self) -> float:
        return self._now

    def count(self) -> int:
        """The next number of this run."""
        self._numbers += 1
        return self._numbers

    # what asyncio asks of a loop

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None:
            context = contextvars.copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._put(context.get(PROCESS, self._server), handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there are no other threads

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if context is None:
            context = contextvars.copy_context()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self.count(), timer, context.get(PROCESS, self._server)))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays where it is and does nothing when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return CountedFuture(self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = CountedTask(self, coro, context)
        task.set_name(name or "task")
        self.tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self.tasks[task]

    # whose turn it is

    def _put(self, process: Process, handle: asyncio.Handle) -> None:
        process.ready.append(handle)
        if not process.active and process.state is State.RUNNING:
            process.active = True
            self._active.append(process)

    def resume(self, process: Process) -> None:
        """The process may run again, from where it was."""
        process.state = State.RUNNING
        if process.ready and not process.active:
            process.active = True
            self._active.append(process)

    def _run_once(self) -> None:
        """Some steps, each of one process. Hot: ten thousand steps a seed."""
        active, random = self._active, self._random.random
        for _ in range(STEPS_IN_A_ROW):
            while not active:
                self._pass_time()
            place = int(random() * len(active))
            process = active[place]
            ready = process.ready
            handle = ready.popleft() if ready and process.state is State.RUNNING else None
            if handle is None or not ready:
                process.active = False
                active[place] = active[-1]
                active.pop()
            if handle is None or handle._cancelled:
                continue
            self.steps += 1
            if self.steps > self.steps_limit:
                raise NothingToDo(
                    f"at {self._now:.6f} there is no end after {self.steps} steps; now {process.name}: {handle}"
                )
            handle._run()
            process.steps += 1
            if process.steps >= process.doomed:
                process.die()
            if self._stopping:
                break

    def _pass_time(self) -> None:
        """Jump to the next timer, and let everything go on whose time that is."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise NothingToDo(f"at {self._now:.6f} nothing is ready, and nothing waits for a time")
        if timers[0][0] > self.time_limit:
            raise NothingToDo(f"there is no end after {self.time_limit:g} virtual seconds")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, timer, process = heapq.heappop(timers)
            if not timer._cancelled:
                self._put(process, timer)
