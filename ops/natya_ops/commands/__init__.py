"""The commands, in the order in which ``natya --help`` lists them."""

from __future__ import annotations

from natya_ops.commands import (
    bench,
    call,
    certificates,
    chaos,
    client,
    dead,
    describe,
    doctor,
    edge,
    health,
    history,
    keys,
    kinds,
    state,
    tell,
    token,
    up,
    where,
    worker,
)

REGISTERED = (
    up,
    worker,
    edge,
    call,
    tell,
    kinds,
    describe,
    where,
    state,
    history,
    dead,
    client,
    bench,
    chaos,
    token,
    certificates,
    keys,
    doctor,
    health,
)
