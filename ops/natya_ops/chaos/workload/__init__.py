"""The load under which a platform is broken, and the exact account of what its callers were told.

A `cast` of actors is asked, told and queried by concurrent `clients`, through NATS and through the edge. Each of their intentions
is one operation: `insist` repeats it by the protocol until there is an answer or its time is up, and `outcomes` says what each
answer means. The `recorder` keeps them all.
"""

from natya_ops.chaos.workload.cast import Cast
from natya_ops.chaos.workload.clients import Load
from natya_ops.chaos.workload.couriers import Couriers, open_couriers
from natya_ops.chaos.workload.recorder import Recorder

__all__ = ["Cast", "Couriers", "Load", "Recorder", "open_couriers"]
