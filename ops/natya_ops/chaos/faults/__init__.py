"""The faults that can be done to a platform, a file each: each has a name, says whether it is possible, strikes and heals."""

from __future__ import annotations

from typing import Final

from natya_ops.chaos.faults.disk import Disk
from natya_ops.chaos.faults.drain import Drain
from natya_ops.chaos.faults.edge import Edge
from natya_ops.chaos.faults.fault import Fault
from natya_ops.chaos.faults.fsync import Fsync
from natya_ops.chaos.faults.kill import Kill
from natya_ops.chaos.faults.nats import Nats
from natya_ops.chaos.faults.partition import Partition
from natya_ops.chaos.faults.stop import Stop
from natya_ops.chaos.faults.store import Store

__all__ = ["DEFAULT", "FAULTS", "Fault"]

_ALL: Final[tuple[Fault, ...]] = (Kill(), Stop(), Drain(), Partition(), Nats(), Store(), Edge(), Disk(), Fsync())

FAULTS: Final[dict[str, Fault]] = {fault.name: fault for fault in _ALL}
"""Every fault by its name."""

DEFAULT: Final = tuple(name for name in FAULTS if name != "fsync")
"""What is done if nobody chooses."""
