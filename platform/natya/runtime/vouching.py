"""The key with which vouches are made and checked: one for the platform, in the cluster's shared memory.

Whoever comes first makes it, by compare-and-set. It is as secret as the bucket is: NATS permissions give that to nodes, edges and operators.
"""

from __future__ import annotations

import secrets

import orjson

from natya.ports.lease import Registry, RevisionConflict
from natya.vouch import Seal

ENTRY = "secret.vouch"
"""``{"keys": […]}`` in hexadecimal, the first being the one in use."""

KEY_BYTES = 32


async def find_seal(cluster: Registry) -> Seal | None:
    """The platform's seal; None if no node has made it yet. Raises `LeaseUnknown`."""
    entry = await cluster.get(ENTRY)
    if entry is None or not entry.value:
        return None
    return Seal([bytes.fromhex(key) for key in orjson.loads(entry.value)["keys"]])


async def make_seal(cluster: Registry) -> Seal:
    """The platform's seal, made now if there is none. Raises `LeaseUnknown`."""
    while (seal := await find_seal(cluster)) is None:
        try:
            await cluster.put(ENTRY, orjson.dumps({"keys": [secrets.token_hex(KEY_BYTES)]}), expected=0)
        except RevisionConflict:
            continue  # another node has made it
    return seal
