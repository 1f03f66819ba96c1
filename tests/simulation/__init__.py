"""The real runtime under a seed: several nodes in one process, in virtual time, with everything going wrong that can.

**Problem.** The mistakes that matter are about order: an append that is stored after it timed out, a crash between a commit and
what it sends, an owner that wakes up when another has its place. Real processes meet such an order once in days, and never again.
**Idea.** `natya.runtime` gets time, chance, servers and network handed in. So let one seed decide all of them, run thousands of
seeds, and check what clients saw. A seed that fails is run again, and does the same thing, step by step.

**What is permuted.** Everything that really runs side by side:

- *Processes.* Each node, each client and the server is a `process.Process` with a queue of its own, as each has an event loop
  of its own outside. Whose queue goes on is drawn for every single step.
- *The network.* Every message has a delay of its own, each way; connections overtake one another.
- *Faults.* What fails, when and for how long; a kill comes after a drawn number of steps, so between any two awaits.

**What is not.** Within one process callbacks run in the order in which they became ready, for asyncio promises that and code may
build on it; and one connection is one ordered stream each way, as TCP is. Computing takes no time: virtual time passes only when
nobody can go on, and jumps to the next timer then. Whoever is slow is paused, which is a fault of its own.

**What makes a seed replay.** No real time, no sockets, no threads; tasks and futures are hashed by a count, not by their address,
so that sets of them have an order; the garbage collector is off while a seed runs; all chance comes from generators that are
seeded by text. Nothing else may decide anything: a test runs a seed in two fresh processes with different hash seeds and compares.
"""
