"""Runs a program that is to end with its parent: python -m landfall.lifeline PARENT PROGRAM [ARGUMENT…].

The parent (a demo, `landfall serve`) stops its children itself. This is for the day on which it cannot, because it was
killed: the kernel then sends each child a SIGTERM. Linux only; elsewhere the program just runs.

The program heeds SIGINT and SIGTERM whatever its parent does: a background job of a script ignores SIGINT, a program
inherits that, and Dagster takes SIGTERM as it takes SIGINT.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def prefix() -> list[str]:
    """What to put before a command line (whose program is an absolute path) to tie it to this process.

    The child has to be started from the main thread: the kernel means the thread that started it.
    """
    return [sys.executable, "-m", __name__, str(os.getpid())]


def main() -> None:
    """Tie this process to its parent, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(f"lifeline: process {parent} is gone")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
