from collections.abc import Sequence
from pathlib import Path

import pytest

from tracker.batches.deadletters import WHOLE, DeadLetter, DeadLetters
from tracker.batches.replay import Summary, described, records, replay, summaries
from tracker.errors import TrackerError
from tracker.hit import Hit, Route, Shape, decode_hit, encode_hit
from tracker.settings import SpoolSettings
from tracker.spool.reader import SpoolReader

SMALL = SpoolSettings(segment_bytes=1 << 20)


def hit(events: int, refused: tuple[int, ...] = (), *, replayed: bool = False) -> Hit:
    return Hit(b"0123456789abcdef", 1_700_000_000 * 10**9, Route.TR, "192.0.2.1",
               b"POST /tr/v1/tr/ HTTP/1.1\r\n", b"[\xff]", Shape.ARRAY, events, refused,
               replayed=replayed)


def letters_in(directory: Path, letters: Sequence[DeadLetter], n: int = 7) -> DeadLetters:
    dead = DeadLetters(directory / "dead")
    dead.open(n)
    dead.write(n, letters)
    return dead


def test_only_the_events_with_letters_go_again() -> None:
    record = encode_hit(hit(4, refused=(1,)))

    [(again, events)] = records([DeadLetter("r", 0, 0, record), DeadLetter("r", 0, 4, record)])

    assert (2, hit(2, refused=(1, 2, 3), replayed=True)) == (events, decode_hit(again))


def test_a_whole_hit_goes_again_with_all_its_events() -> None:
    letters = [DeadLetter("r", 0, WHOLE, encode_hit(hit(3, refused=(1,)))),
               DeadLetter("r", 0, WHOLE, b"no hit")]

    (again, events), unread = records(letters)

    assert (3, hit(3, refused=(1,), replayed=True)) == (events, decode_hit(again))
    assert (b"no hit", 1) == unread


def test_letters_are_listed_and_described(tmp_path: Path) -> None:
    record = encode_hit(hit(2))
    dead = letters_in(tmp_path, [DeadLetter("too_old", 1, 1, record),
                                 DeadLetter("not_a_hit", 0, WHOLE, b"\xff")])

    assert [Summary(7, 2, {"too_old": 1, "not_a_hit": 1})] == summaries(dead)
    first, second = described(dead, 7)
    assert {"batch": 7, "letter": 0, "reason": "too_old", "event": 1, "route": "tr",
            "received": "2023-11-14T22:13:20+00:00", "address": "192.0.2.1",
            "head": "POST /tr/v1/tr/ HTTP/1.1\r\n", "body": "[\\xff]"} == first
    assert {"batch": 7, "letter": 1, "reason": "not_a_hit", "record": "/w=="} == second


def test_a_replay_puts_letters_into_a_spool_and_deletes_them(tmp_path: Path) -> None:
    dead = letters_in(tmp_path, [DeadLetter("r", 0, 1, encode_hit(hit(2)))])

    count = replay(dead, [7], tmp_path / "spool", SMALL)

    reader = SpoolReader(tmp_path / "spool" / "replay")
    reader.seek(0, 0)
    assert 1 == count
    assert [hit(1, refused=(0,), replayed=True)] == [
        decode_hit(record.data) for record in reader.read(9, 1 << 20)]
    assert [] == summaries(dead)


def test_a_batch_without_letters_cannot_be_replayed(tmp_path: Path) -> None:
    dead = letters_in(tmp_path, [DeadLetter("r", 0, WHOLE, encode_hit(hit(1)))])

    with pytest.raises(TrackerError, match="no dead letters of batch 8"):
        replay(dead, [7, 8], tmp_path / "spool", SMALL)

    assert 1 == len(summaries(dead))
