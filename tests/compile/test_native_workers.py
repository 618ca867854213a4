"""When steps run with the workers and when alone: the choice in workers.h, on a clock of our own."""

import ctypes

import pytest

from backhand.compiling.c_source import headers
from backhand.compiling.native import NativeError, load

SIMULATION = """
#include <stdint.h>
#include <time.h>
#define INLINE static inline
#define SPARE static __attribute__((unused))
static int64_t now;
static int my_clock(clockid_t id, struct timespec *t) {
    (void)id; t->tv_sec = now / 1000000000; t->tv_nsec = now % 1000000000; return 0;
}
#define clock_gettime my_clock
struct step { int64_t threads, alone, window, began, steps, time; double hold, held, expected, tried, lost; };
#include "workers.h"

/* Steps for so many ns of the clock, of which each disturbed'th takes 30 ms more: how many, and the part by alone. */
__attribute__((visibility("default")))
int64_t run(struct step *p, int64_t length, int64_t with_workers, int64_t by_itself, int64_t disturbed, double *part) {
    int64_t end = now + length, spent = 0, n = 1;
    for (; now < end; n++) {
        bh_begin(p);
        int64_t took = (p->alone ? by_itself : with_workers) + (disturbed && n % disturbed == 0 ? 30000000 : 0);
        now += took;
        if (p->alone) spent += took;
        bh_learn(p);
    }
    *part = (double)spent / length;
    return n;
}
"""
MS = 1_000_000


@pytest.fixture
def run():
    """Gives the mean step in ms, and the part of the time that went by alone."""
    try:
        library = load(SIMULATION, headers())
    except NativeError as error:
        pytest.skip(f"needs a C compiler: {error}")
    step = (ctypes.c_int64 * 11)(2)

    def run(seconds, with_workers, by_itself, disturbed=0):
        times = (int(seconds * 1e9), int(with_workers * MS), int(by_itself * MS), disturbed)
        part = ctypes.c_double()
        steps = library.run(ctypes.byref(step), *map(ctypes.c_int64, times), ctypes.byref(part))
        return 1e3 * seconds / steps, part.value

    return run


@pytest.mark.parametrize("length", [0.05, 1, 12, 300])
def test_workers_that_help_are_used_nearly_always(run, length):
    run(60 * length**0.5, length, 2 * length)
    assert run(100 * length**0.5, length, 2 * length)[1] < 0.05


@pytest.mark.parametrize("length", [0.05, 1, 12, 300])
def test_workers_that_harm_are_left_out(run, length):
    run(60 * length**0.5, 4 * length, length)
    assert run(100 * length**0.5, 4 * length, length)[1] > 0.9


def test_single_disturbances_do_not_turn_it(run):
    run(10, 12, 22)
    assert run(60, 12, 22, disturbed=97)[1] < 0.1


@pytest.mark.parametrize("first", [(0.1, 3.0), (3.0, 0.1)])
def test_a_machine_that_changes_is_noticed(run, first):
    run(30, *first)
    run(6, *reversed(first))  # within seconds
    now = run(10, *reversed(first))[1]
    assert now < 0.1 if first[0] > first[1] else now > 0.9


def test_processors_that_share_their_units_for_seconds_at_a_time(run):
    means = [run(3, *times)[0] for times in 10 * [(0.083, 0.13), (0.186, 0.13)]]
    assert sum(means) / len(means) < 1.12 * (0.083 + 0.13) / 2
