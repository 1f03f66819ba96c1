"""The command ``natya`` under cProfile: ``python -m natya_ops.bench.profiled FILE COMMAND ARG…`` writes FILE when it ends."""

from __future__ import annotations

import cProfile
import sys

from natya_ops.cli import main

if __name__ == "__main__":
    file = sys.argv.pop(1)
    profiler = cProfile.Profile()
    try:
        profiler.runcall(main)
    finally:
        profiler.dump_stats(file)
