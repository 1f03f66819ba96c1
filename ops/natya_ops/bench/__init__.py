"""``natya bench``: what durability costs here, measured side by side with a raw echo over the same NATS server.

`run` goes through the measures; each of them starts what it needs on a `bed`, sends its `work` to a load generator in a process of
its own, and returns a `figures.Measurement`. What each figure means is told in docs/benchmarks.md.
"""
