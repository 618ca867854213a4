"""Which stages run in parallel: a region is a sequence of stages that share out their rows among tasks, so that each
task runs through all of them without waiting for another.
"""

from __future__ import annotations

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
        waiting = [n for n in waiting if n not in first]
        region = _grown(loops, waiting, leader, tasks)
        waiting = [n for n in waiting if n not in region.stages]
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
    needed = [leader]
    for number in reversed(waiting[: waiting.index(leader)]):
        if loops[number].fails or any(_conflict(loops[number], loops[other]) for other in needed):
            needed.insert(0, number)
    return needed[:-1]


def _grown(loops: dict[int, Loops], waiting: list[int], leader: int, tasks: int) -> Region:
    region = Region([leader], [], loops[leader].extent, tasks)
    skipped: list[int] = []
    for number in waiting:
        if number == leader:
            continue
        blocked = any(loops[n].fails or _conflict(loops[number], loops[n]) for n in skipped)
        if blocked or loops[number].fails:
            skipped.append(number)
        elif _in_step(loops, region, number):
            region.shared.append(number)
        elif not is_large(loops[number]) and not any(_conflict(loops[number], loops[n]) for n in region.shared):
            region.aside.append(number)
        else:
            skipped.append(number)
    return region


def _in_step(loops: dict[int, Loops], region: Region, number: int) -> bool:
    """Can the stage run through its rows in step with the region's, task by task?"""
    stage = loops[number]
    if (
        not stage.split
        or stage.apart
        or stage.extent % region.rows
        or any(_conflict(stage, loops[n]) for n in region.aside)
    ):
        return False
    mine = _rows(stage, region.rows)
    for other in region.shared:
        theirs = _rows(loops[other], region.rows)
        for owner in mine.keys() & theirs.keys():
            (rows, written), (others, wrote) = mine[owner], theirs[owner]
            if (written or wrote) and (rows is None or rows != others):
                return False
    return _own_rows(stage, region.rows)


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


def _conflict(one: Loops, two: Loops) -> bool:
    written = {a.owner for a in one.accesses if a.written}
    touched = {a.owner for a in two.accesses}
    if written & touched:
        return True
    return bool({a.owner for a in two.accesses if a.written} & {a.owner for a in one.accesses})
