"""What the loads send."""

import json

import pytest

from bench.rig import payloads

REQUESTS = [line.replace("\\r\\n", "\r\n") for line in payloads.traffic(200)]


def test_the_one_event_is_the_original_example_of_372_bytes() -> None:
    assert 372 == len(payloads.EVENT)
    assert "cw-a" == json.loads(payloads.EVENT)["eid"]


def test_a_browser_sends_15_headers() -> None:
    lines = payloads.BROWSER_HEADERS.splitlines()

    assert 15 == len(lines)
    assert all(": " in line for line in lines)


def test_an_array_and_lines_hold_as_many_events_as_asked_for() -> None:
    assert 10 == len(json.loads(payloads.array(10)))
    assert 10 == len([json.loads(line) for line in payloads.lines(10).splitlines()])


def test_made_traffic_is_the_same_each_time() -> None:
    assert list(payloads.traffic(20)) == list(payloads.traffic(20))


@pytest.mark.parametrize("request_", REQUESTS[:20])
def test_made_traffic_is_a_request_with_one_place_for_an_id(request_: str) -> None:
    whole = request_.replace("\t", "0badcafe-0000-4000-8000-000000000001")
    head, _, body = whole.partition("\r\n\r\n")

    assert 1 == request_.count("\t")
    assert f"Content-Length: {len(body)}" in head.split("\r\n")
    assert "0badcafe-0000-4000-8000-000000000001" == json.loads(body)["eid"]


def test_made_traffic_has_many_visitors_and_pages() -> None:
    bodies = [request.partition("\r\n\r\n")[2].replace("\t", "") for request in REQUESTS]
    events = [json.loads(body) for body in bodies]

    assert 20 < len({event["vid"] for event in events}) <= 40
    assert 20 < len({event["url"] for event in events})
