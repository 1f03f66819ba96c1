"""The application of the scaling measure: ``NATYA_BENCH_KINDS`` kinds of ``NATYA_BENCH_PARTITIONS`` partitions each."""

from __future__ import annotations

import os

from pydantic import BaseModel

from natya import Actor, command


class Total(BaseModel):
    value: int = 0


def make(number: int, count: int) -> type[Actor[Total]]:
    """The kind ``sum_<number>`` of ``count`` partitions."""

    class Sum(Actor[Total], kind=f"sum_{number}", partitions=count):
        """A number that grows."""

        @command
        async def add(self, amount: int) -> int:
            self.state.value += amount
            return self.state.value

    return Sum


globals().update(
    {
        f"Sum{number}": make(number, int(os.environ.get("NATYA_BENCH_PARTITIONS", "16")))
        for number in range(int(os.environ.get("NATYA_BENCH_KINDS", "1")))
    }
)
