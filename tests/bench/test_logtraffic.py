"""The lines of a web server's log as requests."""

import json
from pathlib import Path

import pytest

from bench.rig.logtraffic import LOGS, requests

ID = "0badcafe-0000-4000-8000-000000000001"
EXAMPLE = (LOGS[1],)


def sent() -> list[str]:
    return [line.replace("\\r\\n", "\r\n").replace("\t", ID) for line in requests(EXAMPLE)]


def test_every_line_has_one_place_for_an_id() -> None:
    lines = list(requests(EXAMPLE))

    assert len(lines) > 200
    assert {1} == {line.count("\t") for line in lines}
    assert not any("\n" in line for line in lines)


def test_two_of_three_are_json_as_long_as_they_say() -> None:
    whole = [request.partition("\r\n\r\n") for request in sent()]
    posts = [(head, body) for head, _, body in whole if head.startswith("POST")]

    assert len(posts) == pytest.approx(len(whole) * 2 / 3, abs=1)
    for head, body in posts:
        assert f"Content-Length: {len(body)}" in head.split("\r\n")
        assert ID == json.loads(body)["eid"]


def test_the_others_say_all_in_path_and_query() -> None:
    gets = [request for request in sent() if request.startswith("GET")]

    assert all(request.startswith("GET /tr/v1/tr/vid/") and f"eid={ID}" in request
               and request.endswith("\r\n\r\n") for request in gets)


def test_events_of_a_log_happen_now() -> None:
    assert not any("created" in request for request in sent())


def test_the_first_log_that_is_there_is_taken(tmp_path: Path) -> None:
    assert list(requests(EXAMPLE)) == list(requests((tmp_path / "absent.log.gz", *EXAMPLE)))
