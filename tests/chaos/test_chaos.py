"""The harness itself: rounds can be had again, faults reach the processes, losses are seen."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.arena import LAYER, Arena, Broken
from chaos.faults import FAULTS, flip_sealed, flip_unread
from chaos.layer.faultlayer import FULL, SYNC, TORN, VARIABLE, Control
from chaos.plan import plan
from chaos.run import sent_late
from chaos.verdict import Verdict
from harness.load import Client, Sent

NAMES = [fault.name for fault in FAULTS]
PROBE = """
import os, pathlib, sys, time
real = time.clock_gettime(time.CLOCK_REALTIME)
from tracker.durable import Files, write_file
path = pathlib.Path(sys.argv[1])
try:
    write_file(Files(), path, b"whole" * 100)
    said = "written"
except OSError as error:
    said = os.strerror(error.errno)
print(round((time.time() - real) / 3600), round((time.time_ns() / 1e9 - real) / 3600), said)
"""


def test_a_seed_gives_the_same_rounds_however_many_are_asked_for() -> None:
    assert plan(7, NAMES, 30)[:12] == plan(7, NAMES, 12)
    assert plan(7, NAMES, 12) != plan(8, NAMES, 12)


def test_every_kind_of_fault_comes_before_one_comes_again() -> None:
    struck = [step.fault for steps in plan(7, NAMES, len(NAMES)) for step in steps]

    assert sorted(NAMES) == sorted(struck[:len(NAMES)])
    assert sorted(NAMES) == sorted(struck[len(NAMES):])


def test_an_event_in_a_damaged_record_is_not_sent_again_in_the_next_round() -> None:
    kept = [{"params": {"k": mark}} for mark in ("good", "damaged")]

    assert kept[:1] == sent_late(Sent(kept=kept), {"damaged"})


def probe(folder: Path) -> str:
    """What a process says of its clock, and of a file that it writes."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder / "file")], check=True, capture_output=True,
        text=True, timeout=30, env={**os.environ, "PYTHONPATH": str(LAYER),
                                    VARIABLE: str(folder / "control")})
    return done.stdout.strip()


@pytest.mark.parametrize(("fault", "says"), [
    (SYNC, "Input/output error"), (FULL, "No space left on device")])
def test_a_fault_reaches_another_process_and_ends(tmp_path: Path, fault: int, says: str) -> None:
    control = Control.new(tmp_path / "control")
    assert "0 0 written" == probe(tmp_path)
    control.break_files(fault, 1.0, 60)
    control.jump(-7200)
    assert f"-2 -2 {says}" == probe(tmp_path)
    control.mend()
    assert "0 0 written" == probe(tmp_path)


def test_torn_writes_leave_a_file_whole_or_not_there(tmp_path: Path) -> None:
    control = Control.new(tmp_path / "control")
    control.break_files(TORN, 1.0, 60)
    for _ in range(5):
        said = probe(tmp_path)
        assert said in {"0 0 written", "0 0 Input/output error"}
        assert ("written" in said) == (tmp_path / "file").exists()
        (tmp_path / "file").unlink(missing_ok=True)


def sent_by(arena: Arena, name: str, seed: int) -> Sent:
    """What a client knows after some requests."""
    client = Client(arena.tracker.port, seed, 0.01, name=name)
    client.start()
    client.join(1.0)
    return client.finish()


@pytest.mark.server
def test_the_verdict_sees_what_is_lost_or_never_was_sent_and_damage_is_named(
    tmp_path: Path,
) -> None:
    arena = Arena(tmp_path)
    try:
        arena.tracker.start()
        verdict = Verdict(arena)
        sent = sent_by(arena, "one", 1)
        assert len(sent.acknowledged | sent.unknown) == verdict.judge("one", [sent])

        more = sent_by(arena, "two", 2)
        known = sorted(more.acknowledged)
        with pytest.raises(Broken, match="1 events not there after a flush: ffff"):
            verdict.judge("two", [Sent({*known, "f" * 16})])
        with pytest.raises(Broken, match=f"1 events there and never sent: {known[0]}"):
            verdict.judge("two", [Sent({*known[1:]})])
        payments = sorted(more.payments)
        assert payments
        with pytest.raises(Broken, match=f"line items there and never sent: {payments[0]}-0"):
            verdict.judge("two", [replace(more, payments={*payments[1:]})])
        with pytest.raises(Broken, match="events landed"):  # the sum of all: `two` is not in it
            verdict.judge("nothing", [Sent()])

        flip_sealed(arena, random.Random(3))
        client = Client(arena.tracker.port, 3, 0.01, name="three")
        client.start()
        flip_unread(arena, random.Random(3))
        client.finish()
        assert arena.destroyed
        assert arena.tracker.health()["spool"]["corrupt"] > 0
    finally:
        arena.close()
