"""What slow answers wait for, from the kernel's scheduler."""

import pytest

from bench import tail
from bench.rig.schedule import DISK, IDLE, RUNS, SLEEPS, UNKNOWN, WAITS, Schedule
from bench.tail import Threads

CLIENT, LOOP, COMMIT, STORE = 10, 20, 21, 30
THREADS = Threads(CLIENT, LOOP, COMMIT)


def switch(core: int, moment: float, left: int, state: str, taken: int) -> str:
    return (f" [{core:03}] {moment:.9f}: sched:sched_switch: prev_comm=a b prev_pid={left}"
            f" prev_prio=120 prev_state={state} ==> next_comm=c=d next_pid={taken} next_prio=120")


def waking(core: int, moment: float, thread: int) -> str:
    return (f" [{core:03}] {moment:.9f}: sched:sched_waking: comm=x y pid={thread} prio=120"
            " target_cpu=000")


# The client sends at 1, sleeps from 1.5; the loop waits for the store's core from 2 to 5, works
# until 6; the commit thread works from 6 on, syncs from 7 to 9; the loop answers from 9 to 10; the
# client waits for the core until 11.
LINES = [
    switch(0, 0.0, IDLE, "R", CLIENT), switch(1, 0.0, IDLE, "R", STORE),
    switch(0, 1.5, CLIENT, "S", IDLE), waking(0, 2.0, LOOP), switch(1, 5.0, STORE, "R+", LOOP),
    switch(1, 6.0, LOOP, "S", COMMIT), switch(1, 7.0, COMMIT, "D", STORE),
    waking(1, 9.0, COMMIT), switch(1, 9.0, STORE, "R", COMMIT), waking(1, 9.0, LOOP),
    switch(1, 9.0, COMMIT, "S", LOOP), waking(1, 10.0, CLIENT), switch(1, 10.0, LOOP, "S", STORE),
    switch(1, 11.0, STORE, "R", CLIENT),
]


def test_the_parts_of_a_request_make_up_all_of_it() -> None:
    found = tail.parts(Schedule(LINES), THREADS, 0.5, 1.0, 11.0)

    assert {tail.CLIENT_OTHER: 0.5, tail.NOTHING: 1.0, tail.WORKER_WAITS: 3.0,
            tail.WORKER_WORKS: 3.0, tail.SYNC: 2.0, tail.CLIENT_READS: 1.0} == pytest.approx(found)


def test_a_thread_that_loses_its_core_waits_for_it() -> None:
    spans = list(Schedule(LINES).spans(STORE, 4.0, 8.0))

    assert [(RUNS, 4.0, 5.0), (WAITS, 5.0, 7.0), (RUNS, 7.0, 8.0)] == spans


def test_a_wait_for_the_disk_is_told_from_sleep() -> None:
    spans = list(Schedule(LINES).spans(COMMIT, 5.5, 12.0))

    assert [(UNKNOWN, 5.5, 6.0), (RUNS, 6.0, 7.0), (DISK, 7.0, 9.0), (WAITS, 9.0, 9.0),
            (RUNS, 9.0, 9.0), (SLEEPS, 9.0, 12.0)] == spans


def test_who_had_the_core_meanwhile_is_named() -> None:
    schedule = Schedule(LINES)

    assert {STORE: 3.0} == pytest.approx(schedule.beside(LOOP, 1.0, 11.0))


def test_only_slow_requests_are_taken_apart() -> None:
    found = tail.Found()
    tail.weigh(Schedule(LINES), THREADS, [0.5, 1.0, 11.0, 9.5, 9.6, 9.9], 4.0,
               {STORE: "the store process"}, found)

    assert (1, 2) == (found.slow, len(found.latencies))
    assert {"the store process": 3.0} == pytest.approx(found.beside)
    assert ["the worker waits for a core", "29%", "100% of them"] == tail.table(found)[2]
    assert "1 of 2 requests, 7 a second, took more than 4000 ms" in tail.said(found, 7.0, 4.0)
