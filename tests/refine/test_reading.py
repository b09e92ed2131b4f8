import msgspec
import pytest

from harness.refining import make_hit, post, refine, rows
from tracker.hit import Shape
from tracker.refine import DeadLetter, Reason


def test_rows_come_in_the_order_of_hits_and_indexes() -> None:
    refined = refine(post({"n": 0}), post([{"n": 1}, {"n": 2}]), make_hit(), post({"n": 3}))

    assert [0, 1, 1, 2, 3] == refined.hit.tolist()
    assert [0, 1, 2, None, 3] == [row["params"].get("n") for row in rows(refined)]
    assert [] == refined.dead


def test_no_hits_make_no_rows() -> None:
    assert 0 == refine().table.num_rows


@pytest.mark.parametrize(("shape", "body"), [
    (Shape.ARRAY, b'[{"n":0}, 5, {"n":2}]'), (Shape.NDJSON, b'{"n":0}\n\n5\r\n{"n":2}\n'),
])
def test_events_refused_at_the_door_are_not_judged_again(shape: Shape, body: bytes) -> None:
    refined = refine(make_hit(body, shape=shape, events=2, refused=(1,)))
    first, third = rows(refined)

    assert (0, 2) == (first["params"]["n"], third["params"]["n"])
    assert "c0ffee01" == first["eid"][:8]
    assert "c0ffee03" == third["eid"][:8]
    assert [] == refined.dead


def test_a_bad_event_goes_to_a_dead_letter_and_the_others_go_on() -> None:
    refined = refine(make_hit(b'[{"n":0},[1],{"n":2}]', events=3), make_hit(b'{"n":'))

    assert [0, 2] == [row["params"]["n"] for row in rows(refined)]
    assert [DeadLetter(0, 1, Reason.NOT_AN_OBJECT, b"[1]"),
            DeadLetter(1, 0, Reason.NOT_JSON, b'{"n":')] == refined.dead


def test_a_body_broken_as_a_whole_counts_every_event_and_keeps_its_bytes_once() -> None:
    refined = refine(make_hit(b"[{", shape=Shape.ARRAY, events=2, refused=(1,)))

    assert [DeadLetter(0, 0, Reason.NOT_JSON, b"[{"),
            DeadLetter(0, 2, Reason.NOT_JSON, b"")] == refined.dead


def test_missing_events_are_accounted_for() -> None:
    refined = refine(make_hit(b'[{"n":0}]', events=2))

    assert 1 == refined.table.num_rows
    assert [DeadLetter(0, 1, Reason.MISSING, b"")] == refined.dead


def test_a_shape_of_a_later_version_is_set_aside() -> None:
    refined = refine(msgspec.structs.replace(make_hit(b"x"), shape=99))

    assert [DeadLetter(0, 0, Reason.UNKNOWN_SHAPE, b"x")] == refined.dead


@pytest.mark.parametrize(("body", "params"), [
    (b'{"a":"\\ud800"}', {"a": "�"}), (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
    (b'{"a":"\xff"}', {"a": "�"}), (b'{"a":1e999}', {"a": "1e999"}),
    (b'{"a":"\\u0000"}', {"a": "\0"}),
    (b'{"\\udc00":{"\\udc00":["\\udc00"]}}', {"�": {"�": ["�"]}}),
    (b'{"a":%s}' % (b"7" * 50), {"a": "7" * 50}),
])
def test_odd_but_valid_json_becomes_valid_text(body: bytes, params: dict[str, object]) -> None:
    (row,) = rows(refine(make_hit(body)))

    assert params == row["params"]
