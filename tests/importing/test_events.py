"""Lines as events: requests of a log, objects of clients, rows that were exported."""

import json
from typing import Any

import pytest

from tracker.importing.accesslog import Format
from tracker.importing.event import Event, NoEvent
from tracker.importing.objects import Objects
from tracker.importing.requests import Requests
from tracker.importing.visitors import Visitors
from tracker.settings import IntakeSettings

NOW = 1_800_000_000_000_000_000
HOST = "www.example.com"


def line(target: str = "/", *, at: str = "10:05:03", status: int = 200, method: str = "GET",
         agent: str = "A", address: str = "192.0.2.1", user: str = "-") -> bytes:
    return (f'{address} - {user} [17/May/2015:{at} +0000] "{method} {target} HTTP/1.1" {status} 9'
            f' "https://news.example/?q=1" "{agent}"').encode()


def requests(*, with_address: bool = True, host: str = HOST) -> Requests:
    return Requests(Format(None), Visitors(b"key"), host, {"oid": "o1"},
                    with_address=with_address)


def event_of(found: Event | NoEvent) -> dict[str, Any]:
    assert isinstance(found, Event)
    return dict(json.loads(found.body))


def read_request(**fields: Any) -> dict[str, Any]:
    return event_of(requests().read(line(**fields), 7))


def test_a_request_is_an_event_at_its_own_time() -> None:
    found = requests().read(line("/a?x=1&utm_source=mail&UTM_Term=b", user="ann"), 7)
    event = event_of(found)

    assert Event(1_431_857_103 * 10**9, "192.0.2.1", False, HOST, "A", b"") == (
        found._replace(body=b"") if isinstance(found, Event) else found)
    assert {"ename": "viewed_page", "etyp": "view", "first": True, "created": 1_431_857_103_000,
            "url": "https://www.example.com/a?x=1&utm_source=mail&UTM_Term=b", "app": "weblog",
            "last": "https://news.example/?q=1", "source": "mail", "term": "b", "uname": "ann",
            "oid": "o1", "params": {"line": 7, "method": "GET", "status": 200, "bytes": 9}} == {
        key: value for key, value in event.items() if key not in {"vid", "sid"}}


@pytest.mark.parametrize(("fields", "kind"), [
    ({"status": 404}, "error"), ({"status": 500, "target": "/a.css"}, "error"),
    ({"status": 302}, "redirect"), ({"status": 304}, "view"), ({"method": "POST"}, "other"),
    ({"target": "/a.CSS?v=1"}, "asset"), ({"target": "/a.html"}, "view"),
    ({"target": "/css"}, "view"), ({"target": "/a.b/c?d=e.png"}, "view"),
])
def test_an_event_has_the_first_kind_that_fits(fields: dict[str, Any], kind: str) -> None:
    assert kind == read_request(**fields)["etyp"]


def test_half_an_hour_of_silence_ends_a_session() -> None:
    reader = requests()
    first, last, new = (event_of(reader.read(line(at=at), 1))
                        for at in ("10:00:00", "10:30:00", "11:00:01"))

    assert first["vid"] == last["vid"] == new["vid"]
    assert first["sid"] == last["sid"] != new["sid"]
    assert [True, False, False] == [first["first"], last["first"], new["first"]]
    assert first["vid"] != event_of(reader.read(line(agent="B"), 1))["vid"]


def test_visitors_cannot_be_found_without_the_key() -> None:
    assert Visitors(b"k").of("192.0.2.1", "A", 5) == Visitors(b"k").of("192.0.2.1", "A", 5)
    assert Visitors(b"k").of("192.0.2.1", "A", 5) != Visitors(b"q").of("192.0.2.1", "A", 5)


def test_an_address_of_a_proxy_is_left_out() -> None:
    found = requests(with_address=False).read(line(), 1)

    assert isinstance(found, Event)
    assert "" == found.address


def test_a_name_in_place_of_an_address_is_kept_in_params() -> None:
    found = requests().read(line(address="host.example"), 1)

    assert isinstance(found, Event)
    assert ("", "host.example") == (found.address, event_of(found)["params"]["client"])


@pytest.mark.parametrize(("target", "host", "url"), [
    ("/a", "", "/a"), ("/a", HOST, f"https://{HOST}/a"), ("http://b.example/", HOST,
                                                          "http://b.example/"),
])
def test_a_page_is_at_the_host_that_was_given(target: str, host: str, url: str) -> None:
    assert url == event_of(requests(host=host).read(line(target), 1))["url"]


def read_object(text: str | bytes, *, with_address: bool = True) -> Event | NoEvent:
    objects = Objects(IntakeSettings(), HOST, {"oid": "o1"}, with_address=with_address)
    return objects.read(text.encode() if isinstance(text, str) else text, NOW)


@pytest.mark.parametrize(("event", "received"), [
    ({}, NOW), ({"created": 1_431_857_103_000}, 1_431_857_103 * 10**9),
    ({"time": "2015-05-17T10:05:03Z"}, 1_431_857_103 * 10**9),
    ({"created_at": "2015-05-17 10:05:03.250"}, 1_431_857_103_250 * 10**6),
    ({"created": "soon"}, NOW), ({"created": [1]}, NOW),
])
def test_an_object_happened_when_it_says_else_now(event: dict[str, Any], received: int) -> None:
    found = read_object(json.dumps(event))

    assert isinstance(found, Event)
    assert received == found.received


def test_an_object_says_who_sent_it() -> None:
    found = read_object('{"ename":"a","ip":"192.0.2.1","agent":"A","host":"b.example","oid":"x"}')

    assert Event(NOW, "192.0.2.1", False, "b.example", "A", b'{"ename":"a","oid":"x"}') == found


ROW = {"eid": "c0ffee00-cafe-11f0-8000-0123456789ab", "created_at": "2015-05-17 10:05:03.000",
       "received_at": "2015-05-17 10:05:04.000", "sequencer": "s", "batch": 3, "ename": "a",
       "server": True, "ip": "kLm3", "iphash": "kLm3", "bot": False, "oid": "", "lat": None,
       "bhash": "x", "hhash": "y", "ja4h": "", "agent": "a", "host": "b.example", "params": {}}


def test_a_row_is_the_event_that_it_was() -> None:
    found = read_object(json.dumps(ROW))

    assert Event(1_431_857_104 * 10**9, "kLm3", True, "b.example", "a", b"") == (
        found._replace(body=b"") if isinstance(found, Event) else found)
    assert {"eid": ROW["eid"], "created": ROW["created_at"], "ename": "a", "oid": "o1",
            "params": {}} == event_of(found)


@pytest.mark.parametrize(("text", "reason"), [
    ("[1]", "an event must be a JSON object"), ("{", "not valid JSON"), (b'{"a":"\xff"}', "UTF-8"),
    ('{"a":' + "[" * 70 + "]" * 70 + "}", "nested deeper"), ("nonsense", "not valid JSON"),
])
def test_what_is_no_object_says_why(text: str | bytes, reason: str) -> None:
    found = read_object(text)

    assert isinstance(found, NoEvent)
    assert reason in found.reason


def test_numbers_of_any_size_stay() -> None:
    assert {"a": 2**70, "oid": "o1"} == event_of(read_object(f'{{"a":{2**70}}}'))
    assert {"a": "\ufffd", "oid": "o1"} == event_of(read_object('{"a":"\\ud83d"}'))
