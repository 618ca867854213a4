"""``python -m backhand`` is the same as ``backhand``."""

from backhand.cli import main

main()
