"""The way of a message: router → partition → catalog → activation → turn → commit → journal, then reply, outbox, snapshots.

A partition's life has phases, a file each: `claiming` → `recovering` → `partition` (serving) → `releasing`; `tenure` leads
through them and `ownership` decides who lives.
"""
