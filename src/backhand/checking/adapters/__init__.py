"""Every shape of code, brought into the one form of a Subject."""

from backhand.checking.adapters.adapt import adapt

__all__ = ["adapt"]
