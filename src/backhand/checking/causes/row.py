"""What a row of the table of causes holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backhand.checking.causes.evidence import Evidence
from backhand.checking.finding import Verdict

__all__ = ["UNCLEAR", "Facts", "Row"]

Facts = dict[str, str]
"""What fills the blanks of a sentence. ``verdict`` among them takes the place of the row's."""


UNCLEAR: Facts = {"unclear": ""}
"""What a test says of an experiment in which the cause can't be told from another: no confirmation and no denial."""


@dataclass(frozen=True)
class Row:
    """One cause.

    Attributes:
        id: stable, in lower case with hyphens.
        sentence: what is the matter, with ``{blanks}`` for the facts; ``{gradient}`` and ``{of}`` are always known.
        remedy: what to write instead.
        experiment: how it is told from all others, in words.
        example: a few lines of wrong code; ``backhand.checking.causes.examples`` has the names in it.
        call: what to pass to check to see it: ``Relu(), x``.
        test: whether an experiment looks like it: the facts, or None. A row without one is seen by the contract.
        same: the facts that must come out the same at every shape and seed.
        varies: the facts, sizes of the input, that must come out different at one other shape at least.
        verdict: what the finding's verdict becomes; None leaves it.
    """

    id: str
    sentence: str
    remedy: str
    experiment: str
    example: str
    call: str
    test: Callable[[Evidence], Facts | None] | None = None
    same: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    verdict: Verdict | None = None
