from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.refining import (
    EVENT_ID_TEXT,
    HIT_ID,
    HIT_ID_TEXT,
    VID,
    event_of,
    get,
    make_hit,
    post,
    refine,
    row_of,
    rows,
)
from tracker.hit import event_id, id_text
from tracker.refine.ids import NIL, canonical, event_ids, plain_ids, uuid_digits

SPELLINGS = [
    VID, VID.upper(), VID.replace("-", ""), VID.replace("-", "").upper(), "{" + VID + "}",
    "urn:uuid:" + VID, "URN:UUID:" + VID.upper(),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_uuid_has_one_spelling(spelling: str) -> None:
    row = event_of({"vid": spelling, "uid": spelling, "did": spelling, "eid": spelling})

    assert [VID] * 4 == [row["vid"], row["uid"], row["device_id"], row["eid"]]
    assert {} == row["params"]


@pytest.mark.parametrize("text", [
    "user-123", "batch-test-7", "x" * 32, "x" * 36, VID[:-1], VID + "0", "{" + VID, "é" * 18,
    "3D0BE300CBD2-11E8-AA59-FFD128A54D91",
])
def test_any_other_id_is_kept_as_sent(text: str) -> None:
    assert text == event_of({"vid": text})["vid"]


def test_an_id_may_be_a_number() -> None:
    assert "17" == event_of({"uid": 17})["uid"]


def test_the_events_of_a_hit_have_ids_made_of_its_own() -> None:
    refined = refine(post([{}, {}, {}], refused=(), identity=HIT_ID))

    expected = [event_id(HIT_ID, index) for index in range(3)]
    assert [id_text(i) for i in expected] == [row["eid"] for row in rows(refined)]
    assert expected == [bytes(i) for i in refined.eids]
    assert not refined.given.any()
    assert EVENT_ID_TEXT == id_text(expected[0])


@given(st.binary(min_size=16, max_size=16), st.integers(0, 10_000))
def test_ids_made_at_once_are_those_made_one_by_one(identity: bytes, index: int) -> None:
    hit = make_hit(identity=identity)

    (made,) = event_ids([hit], np.zeros(1, np.int32), np.array([index], np.int32))

    assert event_id(identity, index) == made.tobytes()


def test_a_clients_uuid_is_the_events_id() -> None:
    refined = refine(post({"eid": VID}), post({"eid": "cw-a"}), post({"eid": 5}),
                     post({"eid": NIL}), post({"eid": None}))
    given_row, *others = rows(refined)

    assert VID == given_row["eid"]
    assert VID.replace("-", "") == bytes(refined.eids[0]).hex()
    assert [True, False, False, False, False] == refined.given.tolist()
    assert [{"eid": "cw-a"}, {"eid": 5}, {}, {}] == [row["params"] for row in others]
    assert {EVENT_ID_TEXT} == {row["eid"] for row in others}


@pytest.mark.parametrize("missing", [{}, {"vid": None}, {"vid": ""}, {"vid": NIL},
                                     {"vid": NIL.replace("-", "")}])
def test_a_visitor_without_id_is_new_and_named_after_the_hit(missing: dict[str, Any]) -> None:
    row = event_of(missing)

    assert (HIT_ID_TEXT, HIT_ID_TEXT, True) == (row["vid"], row["sid"], row["first"])
    assert {} == row["params"]


@pytest.mark.parametrize(("sent", "first", "params"), [
    ({"vid": "v"}, False, {}), ({"vid": "v", "first": "true"}, True, {}),
    ({"first": "false"}, False, {}), ({"first": 1, "vid": "v"}, True, {}),
    ({"vid": "v", "first": "perhaps"}, False, {"first": "perhaps"}),
])
def test_first_is_what_the_client_says_else_that_it_had_no_id(
        sent: dict[str, Any], first: bool, params: dict[str, Any]) -> None:
    row = event_of(sent)

    assert (first, params) == (row["first"], row["params"])


def test_an_id_that_is_no_text_stays_in_params() -> None:
    row = event_of({"vid": ["a"], "did": {"x": 1}})

    assert (HIT_ID_TEXT, "") == (row["vid"], row["device_id"])
    assert {"vid": ["a"], "did": {"x": 1}} == row["params"]


def test_the_body_hash_tells_another_body_under_one_id() -> None:
    same = {"eid": VID, "a": 1}
    one, again, in_array, other, none = (
        refine(post(same)), refine(make_hit(b'{ "a": 1,\n"eid" : "%s"}' % VID.encode())),
        refine(post([same], headers="Cookie: vid=later\r\n")),
        refine(post({"eid": VID, "a": 2})), refine(post({"a": 1})))

    assert one.body_hash[0] == again.body_hash[0] == in_array.body_hash[0] != 0
    assert one.body_hash[0] != other.body_hash[0]
    assert 0 == none.body_hash[0]


def test_an_id_in_the_path_is_given_too() -> None:
    refined = refine(get(f"/tr/v1/tr/eid/{VID}"))

    assert refined.given[0]
    assert 0 != refined.body_hash[0]
    assert VID == row_of(get(f"/tr/v1/tr/eid/{VID}"))["eid"]


def test_the_body_hash_does_not_care_how_the_id_is_spelt() -> None:
    hashes = {int(refine(post({"eid": spelling, "a": 1})).body_hash[0]) for spelling in SPELLINGS}

    assert 1 == len(hashes)


@pytest.mark.parametrize("beside", [
    {"target": f"/tr/v1/tr/eid/{VID}"}, {"headers": f'User: {{"eid":"{VID}"}}\r\n'},
], ids=["path", "header"])
def test_an_id_beside_a_batch_is_the_id_of_none_of_its_events(beside: dict[str, str]) -> None:
    other = "24fb0860-b4bf-11e9-8971-7b80435315ac"
    refined = refine(post([{"a": 1}, {"a": 2, "EID": other}, {"a": 3}], **beside))

    assert [False, True, False] == refined.given.tolist()
    assert 3 == len({bytes(eid) for eid in refined.eids})
    assert [VID, None, VID] == [row["params"].get("eid") for row in rows(refined)]


@given(st.text())
def test_spelling_again_changes_nothing(text: str) -> None:
    assert canonical(text) == canonical(canonical(text))


@given(st.lists(st.one_of(
    st.none(), st.integers(), st.text(max_size=40), st.uuids().map(str),
    st.uuids().map(lambda found: str(found).upper()), st.uuids().map(lambda found: found.hex),
    st.just(NIL), st.text("0123456789abcdefABCDEF-g\u00e4", min_size=36, max_size=36))))
def test_ids_read_all_at_once_are_those_read_one_by_one(sent: list[Any]) -> None:
    found = plain_ids(sent)
    if found is not None:
        ids, places = found
        plain = {row: digits for row, value in enumerate(sent)
                 if isinstance(value, str) and len(value) == 36
                 and (digits := uuid_digits(value)) not in {None, NIL.replace("-", "")}}

        assert plain == {row: bytes(each).hex() for row, each in
                         zip(places.tolist(), ids, strict=True)}
