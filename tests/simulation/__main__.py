"""``python -m simulation``: many seeds, or one again. The exit code is the verdict."""

from __future__ import annotations

import os
import sys

from simulation.command import main

if __name__ == "__main__":
    if (
        os.environ.get("PYTHONHASHSEED") != "0"
    ):  # nothing should depend on it; a replay must not be where one learns otherwise
        os.execve(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main(sys.argv[1:]))
