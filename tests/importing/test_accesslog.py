"""Lines of access logs: what each field is read as, and what is no such line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.importing.accesslog import (
    NO_COMBINED,
    NO_COMMON,
    NO_LINE,
    NO_REQUEST,
    NO_TIME,
    Entry,
    Format,
)
from tracker.importing.event import NoEvent

COMMON = b'192.0.2.1 - ann [17/May/2015:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 512'
COMBINED = COMMON + b' "https://news.example/x" "Mozilla/5.0 (X11)"'
ENTRY = Entry("192.0.2.1", "ann", 1_431_849_903, "GET", "/a?b=1", 200, 512,
              "https://news.example/x", "Mozilla/5.0 (X11)")


def read(line: bytes) -> Entry | NoEvent:
    return Format(None).read(line)


@pytest.mark.parametrize(("line", "expected"), [
    (COMBINED, ENTRY),
    (COMBINED + b"\r", ENTRY),
    (COMBINED + b' "203.0.113.9" 0.003', ENTRY),
    (COMMON, ENTRY._replace(referrer="", agent="")),
    (COMMON + b' "-" "-"', ENTRY._replace(referrer="", agent="")),
    (COMBINED.replace(b"ann", b"Ann Lee"), ENTRY._replace(user="Ann Lee")),
    (COMBINED.replace(b"ann", b"-"), ENTRY._replace(user="")),
    (COMBINED.replace(b"192.0.2.1", b"2001:db8::1"), ENTRY._replace(host="2001:db8::1")),
    (COMBINED.replace(b"192.0.2.1", b"host.example"), ENTRY._replace(host="host.example")),
    (COMBINED.replace(b"512", b"-"), ENTRY._replace(size=0)),
    (COMBINED.replace(b"/a?b=1", b"/a b"), ENTRY._replace(target="/a b")),
    (COMBINED.replace(b" HTTP/1.1", b""), ENTRY),
    (COMBINED.replace(b"(X11)", rb"\"x\" \xe4"), ENTRY._replace(agent=r"Mozilla/5.0 \"x\" \xe4")),
    (COMBINED.replace(b"X11", b"\xff"), ENTRY._replace(agent="Mozilla/5.0 (\ufffd)")),
    (COMBINED.replace(b"+0200", b"-0130"), ENTRY._replace(seconds=ENTRY.seconds + 12_600)),
])
def test_a_line_is_read(line: bytes, expected: Entry) -> None:
    assert expected == read(line)


@pytest.mark.parametrize(("line", "expected"), [
    (b"hello", NO_LINE),
    (b"", NO_LINE),
    (COMBINED[:-1], NO_LINE),
    (COMMON + b" more", NO_LINE),
    (COMBINED.replace(b"17/May", b"31/Feb"), NO_TIME),
    (COMBINED.replace(b"17/May", b"17/Mai"), NO_TIME),
    (COMBINED.replace(b":03 ", b":61 "), NO_TIME),
    (COMBINED.replace(b"2015", b"1815"), NO_TIME),
    (COMBINED.replace(b"+0200", b"+9900"), NO_TIME),
    (COMBINED.replace(b"GET /a?b=1 HTTP/1.1", b"-"), NO_REQUEST),
    (COMBINED.replace(b"GET /a?b=1 HTTP/1.1", b""), NO_REQUEST),
    (COMBINED.replace(b"GET /a?b=1 HTTP/1.1", rb"\x16\x03\x01"), NO_REQUEST),
])
def test_what_is_no_line_says_why(line: bytes, expected: NoEvent) -> None:
    assert expected == read(line)


def test_a_named_format_takes_no_other() -> None:
    assert (ENTRY, NO_COMBINED) == (Format(True).read(COMBINED), Format(True).read(COMMON))
    assert NO_COMMON == Format(False).read(COMBINED)
    assert isinstance(Format(False).read(COMMON), Entry)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n'), min_size=2)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - bounds have no zone
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC))


@given(MOMENTS, TEXT, TEXT, st.integers(100, 999), st.integers(0, 10**17))
def test_a_written_entry_is_read_again(
    moment: datetime, referrer: str, agent: str, status: int, size: int,
) -> None:
    line = (f'192.0.2.1 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "POST /x HTTP/2.0" {status} {size}'
            f' "{referrer}" "{agent}"')

    assert Entry("192.0.2.1", "", int(moment.timestamp()), "POST", "/x", status, size, referrer,
                 agent) == read(line.encode())


@given(st.binary() | st.text('0 -"[]/:+\\GET').map(str.encode)
       | st.tuples(st.sampled_from([COMBINED, COMMON]), st.integers(0, 120), st.binary()).map(
           lambda cut: cut[0][:cut[1]] + cut[2] + cut[0][cut[1]:]))
def test_any_bytes_are_an_entry_or_a_reason(line: bytes) -> None:
    found = read(line)

    assert isinstance(found, NoEvent) or (found.target and -(10**10) < found.seconds < 11 * 10**9)
