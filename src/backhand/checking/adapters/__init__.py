"""Every shape of code, brought into the one form of a Subject."""

from collections.abc import Sequence

from backhand.checking.adapters.adapt import adapt as adapt_plain
from backhand.checking.adapters.frameworks import framework_subject
from backhand.checking.adapters.things import name_of
from backhand.checking.example import Example
from backhand.checking.subject import Subject

__all__ = ["adapt"]


def adapt(example: Example, others: Sequence[Example] = (), name: str | None = None) -> Subject:
    """The subject of an example; ``others`` are further configurations of the same thing.

    Raises:
        CheckError: nothing in it looks like forward and backward, or it doesn't fit the inputs; says what to pass.
        UserCodeError: forward or backward raised in every reading; this is the likeliest reading's.
    """
    thing = example.make()
    return framework_subject(thing, example, name or name_of(thing)) or adapt_plain(example, others, name)
