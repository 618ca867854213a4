"""One thread at a time traces and compares: both put the process's random streams back."""

from __future__ import annotations

import os
import threading

__all__ = ["Alone"]


class Alone:
    """While this is open, no other thread traces or compares."""

    lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self.lock.release()

    @classmethod
    def forked(cls) -> None:
        """In a new process nobody is inside, whoever was in the old one."""
        cls.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Alone.forked)
