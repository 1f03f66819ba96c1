"""Runs a program that is killed when the process that started it ends: ``python -I -S tether.py PARENT PROGRAM ARG…``.

Linux sends the signal set with ``PR_SET_PDEATHSIG`` to a process when its parent ends, however that ends, and keeps the
setting across ``exec``. It has to be set in the child. Doing so in a ``preexec_fn`` would run Python between fork and exec
of a process that may have threads, so this small program sets it and then becomes the real one, with the same pid.
Elsewhere than on Linux it only becomes the program; what is left behind is then ended at the next start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the signal was set
            sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
