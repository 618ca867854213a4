"""Which stages run in parallel: a region is a sequence of stages that share out their rows among tasks, so that each
task runs through all of them without waiting for another.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from backhand.compiling.c_loops import Loops

__all__ = ["Region", "is_large", "regions"]

WORTH = 20_000.0
"""Cycles: less work than this isn't worth waking another thread for."""


@dataclass(eq=False)
class Region:
    """Stages by their number. ``rows`` are shared out among ``tasks``; each runs ``shared`` on its part.

    ``aside`` has nothing to do with those and is one more task. With one task it is a plain sequence.
    """

    shared: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)
    rows: int = 1
    tasks: int = 1

    @property
    def stages(self) -> list[int]:
        """All of its stages."""
        return self.shared + self.aside


class Uses:
    """The memory that a group of stages reads and writes."""

    def __init__(self) -> None:
        self.touched: set[int] = set()
        self.written: set[int] = set()

    def add(self, loops: Loops) -> None:
        """Take a stage in."""
        self.touched.update(access.owner for access in loops.accesses)
        self.written.update(access.owner for access in loops.accesses if access.written)

    def conflict(self, loops: Loops) -> bool:
        """Does a stage write what one of the group uses, or use what one writes? Then their order matters."""
        return any(a.owner in (self.touched if a.written else self.written) for a in loops.accesses)


class Steps:
    """By how many elements a row the stages of a region step through each owner's memory, if they do so by rows."""

    def __init__(self) -> None:
        self.found: dict[int, set[int | None]] = defaultdict(set)
        self.written: dict[int, set[int | None]] = defaultdict(set)

    def add(self, loops: Loops, rows: int) -> None:
        """Take a stage in."""
        for owner, (step, written) in _rows(loops, rows).items():
            self.found[owner].add(step)
            if written:
                self.written[owner].add(step)

    def fit(self, loops: Loops, rows: int) -> bool:
        """Is each row that the stage writes used by the same rows of the others, and the other way round?"""
        for owner, (step, written) in _rows(loops, rows).items():
            others = (self.found if written else self.written).get(owner)
            if others and (step is None or others != {step}):
                return False
        return True


def regions(loops: dict[int, Loops], tasks: int) -> list[Region]:
    """Group stages, given in order, into regions; stages that NumPy does are not among them."""
    waiting = list(loops)
    made: list[Region] = []
    while waiting:
        leader = next((n for n in waiting if tasks > 1 and is_large(loops[n])), None)
        if leader is None:
            made += [Region([n]) for n in waiting]
            break
        first = _needed_before(loops, waiting, leader)
        made += [Region([n]) for n in first]
        region = _grown(loops, [n for n in waiting if n not in set(first)], leader, tasks)
        done = {*first, *region.stages}
        waiting = [n for n in waiting if n not in done]
        made.append(region)
    return made


def is_large(loops: Loops) -> bool:
    """Is it worth sharing out among threads?"""
    return loops.split and loops.extent > 1 and loops.work >= WORTH and _own_rows(loops, loops.extent)


def _own_rows(loops: Loops, rows: int) -> bool:
    """Does each row write elements of its own alone, but for sums that each task makes a part of?"""
    if loops.apart:
        return True
    parts = {partial.owner for partial in loops.partials}
    return all(step is not None or owner in parts for owner, (step, written) in _rows(loops, rows).items() if written)


def _needed_before(loops: dict[int, Loops], waiting: list[int], leader: int) -> list[int]:
    """The stages before the leader that it must come after, directly or not, and those that may end the step."""
    needed: list[int] = []
    uses = Uses()
    uses.add(loops[leader])
    for number in reversed(waiting[: waiting.index(leader)]):
        if loops[number].fails or uses.conflict(loops[number]):
            needed.append(number)
            uses.add(loops[number])
    return needed[::-1]


def _grown(loops: dict[int, Loops], waiting: list[int], leader: int, tasks: int) -> Region:
    region = Region([leader], [], loops[leader].extent, tasks)
    shared, aside, skipped, steps = Uses(), Uses(), Uses(), Steps()
    shared.add(loops[leader])
    steps.add(loops[leader], region.rows)
    ended = False  # by a stage that was skipped and may end the step
    for number in waiting:
        stage = loops[number]
        if number == leader:
            continue
        if stage.fails or ended or skipped.conflict(stage):
            skipped.add(stage)
            ended = ended or stage.fails
        elif _in_step(stage, region.rows, steps) and not aside.conflict(stage):
            region.shared.append(number)
            shared.add(stage)
            steps.add(stage, region.rows)
        elif not is_large(stage) and not shared.conflict(stage):
            region.aside.append(number)
            aside.add(stage)
        else:
            skipped.add(stage)
    return region


def _in_step(stage: Loops, rows: int, steps: Steps) -> bool:
    """Can the stage run through its rows in step with the region's, task by task?"""
    alike = stage.split and not stage.apart and stage.extent % rows == 0
    return alike and steps.fit(stage, rows) and _own_rows(stage, rows)


def _rows(stage: Loops, rows: int) -> dict[int, tuple[int | None, bool]]:
    """For each owner how many elements belong to a row, None if that can't be said, and whether it is written."""
    times = stage.extent // rows
    found: dict[int, tuple[int | None, bool]] = {}
    for access in stage.accesses:
        step = None if access.rows is None else access.rows * times
        if access.owner in found:
            before, written = found[access.owner]
            found[access.owner] = (step if step == before else None, written or access.written)
        else:
            found[access.owner] = (step, access.written)
    return found
