"""Ids of hits never come twice, whatever the clock does."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from harness.intake import NOW, TAIL, Client
from tracker.hit import event_id, id_from_ticks, id_text
from tracker.intake.ticks import GREGORIAN, Ticks


def test_an_id_is_a_time_based_uuid_of_the_time_of_receipt() -> None:
    hit = Client().post(b'{"vid":"1","sid":"2"}').hit
    assert hit is not None
    uuid = UUID(bytes=hit.id)
    assert (1, "specified in RFC 4122") == (uuid.version, uuid.variant)
    assert NOW // 100 + GREGORIAN == uuid.time
    assert TAIL == hit.id[8:]
    assert str(uuid) == id_text(hit.id)
    assert NOW == hit.received


@given(st.integers(0, (1 << 60) - 1 - GREGORIAN))
def test_an_id_is_spelt_like_those_of_events(ticks: int) -> None:
    _, hit_id = Ticks(TAIL, lambda: ticks * 100).take(1)
    assert id_from_ticks(ticks + GREGORIAN, TAIL) == hit_id


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.integers(1, 50)), max_size=50))
def test_no_id_comes_twice_when_the_clock_jumps(steps: list[tuple[int, int]]) -> None:
    now = NOW
    ticks = Ticks(TAIL, lambda: now)
    seen: set[bytes] = set()
    last = 0
    for step, events in steps:
        now += step
        received, hit_id = ticks.take(events)
        assert now == received
        assert UUID(bytes=hit_id).time > last
        last = UUID(bytes=hit_id).time
        ids = {hit_id, *(event_id(hit_id, index) for index in range(events))}
        assert events + 1 == len(ids)
        assert not seen & ids
        seen |= ids


def test_refused_events_keep_their_ids_too() -> None:
    client = Client()
    first = client.post(b"[{},1,2,3,4,5,6,7,8,9]").hit
    client.now -= 1_000
    second = client.post(b"{}").hit
    assert first is not None
    assert second is not None
    assert UUID(bytes=event_id(first.id, 9)).time < UUID(bytes=second.id).time
