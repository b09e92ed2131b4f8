"""Counts that must agree, however fast a round was."""

import pytest

from bench.measures.rounds import count_faults


@pytest.mark.parametrize("accepted", [1000, 1064])
def test_what_was_in_flight_at_the_end_may_be_accepted_more(accepted: int) -> None:
    assert [] == count_faults(1000, accepted, 64)


@pytest.mark.parametrize("accepted", [999, 1065])
def test_an_answer_without_its_event_is_a_fault_and_so_is_an_event_too_many(accepted: int) -> None:
    assert ([f"1000 events were answered with 200, {accepted} accepted"]
            == count_faults(1000, accepted, 64))
