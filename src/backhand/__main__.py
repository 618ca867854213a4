"""The command's front door, ``backhand`` and ``python -m backhand``: it minds Ctrl-C from the beginning."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """The console script."""
    # Python makes an exception of Ctrl-C, and the machinery of imports may swallow one: the command would go on.
    signal.signal(signal.SIGINT, _end)
    from backhand.cli import main as command

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has been done yet that needs an end of its own."""
    if "--json" in sys.argv:
        os.write(1, b'{"error": "interrupted"}\n')
    os._exit(130)


if __name__ == "__main__":
    main()
