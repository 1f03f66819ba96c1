"""What is broken: a platform that runs, and every hold there is on its parts."""

from natya_ops.chaos.ground.ground import Ground, GroundOptions
from natya_ops.chaos.ground.network import Wires

__all__ = ["Ground", "GroundOptions", "Wires"]
