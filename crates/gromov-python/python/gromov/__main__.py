"""The command line: ``python -m gromov`` and the script ``gromov`` are the same program."""

from __future__ import annotations

import sys

from . import _core


def main() -> int:
    """Runs the program with the arguments of this process."""
    return _core.program(["gromov", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
