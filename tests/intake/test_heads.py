"""What stays of a head, and whose address it tells."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake import Client
from tracker.intake import Request
from tracker.intake.address import ClientAddresses
from tracker.intake.head import OUR_COOKIES, Head
from tracker.settings import IntakeSettings, Network

LINE = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(("sent", "kept"), [
    (b"", b""),
    (b"Accept: */*\r\nUser: {\"a\":1}\r\n", b"Accept: */*\r\nUser: {\"a\":1}\r\n"),
    (b"Authorization: Bearer x\r\n", b""),
    (b"AUTHORIZATION:x\r\nA: b\r\n", b"A: b\r\n"),
    (b"A: b\r\nproxy-authorization: x\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
    (b"Authorization: Digest a,\r\n b=c,\r\n\td=e\r\nA: b\r\n", b"A: b\r\n"),
    (b"authorization : x\r\n", b""),
    (b"Authorization: x", b""),
    (b"X-Authorization: x\r\nCookies: a\r\n", b"X-Authorization: x\r\nCookies: a\r\n"),
    (b"A: Authorization: x\r\n", b"A: Authorization: x\r\n"),
    (b"Cookie: vid=1; jwt=secret; sid=2\r\nA: b\r\n", b"Cookie: vid=1; sid=2\r\nA: b\r\n"),
    (b"COOKIE:jwt=secret;session=x\r\nA: b\r\n", b"A: b\r\n"),
    (b"cookie: vid=1\r\nCookie: jwt=x\r\ncookie: uid=3\r\n", b"cookie: vid=1\r\ncookie: uid=3\r\n"),
    (b"Cookie: a=b vid=1; xvid=2; vid2=3; Vid=4\r\n", b""),
    (b"Cookie: CookieConsent=7; ehash=a=b; params={\"a\":1}; trc=; jwt=x\r\n",
     b"Cookie: CookieConsent=7; ehash=a=b; params={\"a\":1}; trc=\r\n"),
    (b"Cookie: ref=/x; xid=1; sess=2; user=u\r\n", b"Cookie: ref=/x; xid=1; sess=2; user=u\r\n"),
    (b"Cookie: jwt=a;\r\n vid=1;\r\n jwt=b\r\nA: b\r\n", b"Cookie: vid=1\r\nA: b\r\n"),
    (b"Cookie: vid=1; Authorization: x\r\n", b"Cookie: vid=1\r\n"),
    (b"Cookie: jwt=x\r\nAuthorization: y\r\nCookie: vid=1; z=2\r\nProxy-Authorization: q\r\n",
     b"Cookie: vid=1\r\n"),
])
@pytest.mark.parametrize("body", [b'{"vid":"1","sid":"2"}', b"{}"])
def test_secrets_never_reach_the_disk(sent: bytes, kept: bytes, body: bytes) -> None:
    request = Request(b"POST", b"/tr/v1/tr/", LINE + sent, body, "192.0.2.1", False)
    hit = Client().pass_on(request).hit
    assert hit is not None
    assert LINE.rstrip() + b"\r\n" + kept == hit.head.rstrip() + b"\r\n"


FIELDS = st.sampled_from([b"Cookie", b"cookie", b"AUTHORIZATION", b"Proxy-Authorization",
                          b"Authorization", b"cOOkie"])
VALUES = st.lists(st.sampled_from([b"vid=1", b"jwt=s3cr3t", b";", b" ", b"; ", b"s3cr3t", b"=",
                                   b"\r\n ", b"\r\n\t", b"sid", b"xvid=s3cr3t", b"\"", b","]))


@given(st.lists(st.tuples(FIELDS, VALUES)))
def test_no_spelling_of_a_secret_passes(fields: list[tuple[bytes, list[bytes]]]) -> None:
    head = LINE + b"".join(b"%b: %b\r\n" % (name, b"".join(parts)) for name, parts in fields)
    line, host, *rest = Head(head).scrubbed().split(b"\r\n")
    assert LINE == b"\r\n".join((line, host, b""))
    for text in filter(None, rest):
        name, _, value = text.partition(b":")
        assert b"cookie" == name.lower()
        assert {pair.partition(b"=")[0].strip() for pair in value.split(b";")} <= set(OUR_COOKIES)


def address(peer: str, trusted: str = "", **fields: str) -> str:
    networks: tuple[Network, ...] = tuple(map(ip_network, trusted.split()))
    client = Client(IntakeSettings(trusted_proxies=networks))
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    hits = [client.send("POST", "/tr/v1/tr/", body, headers, peer).hit
            for body in (b'{"vid":"1","sid":"2"}', b"{}")]
    found = {hit.address for hit in hits if hit is not None}
    assert 1 == len(found)  # whichever way a request takes
    return found.pop()


@pytest.mark.parametrize(("peer", "text"), [
    ("1.2.3.4", "1.2.3.4"), ("::ffff:1.2.3.4", "1.2.3.4"), ("2001:DB8:0:0::0001", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"), ("[2001:db8::1]:443", "2001:db8::1"), ("1.2.3.4:80", "1.2.3.4"),
    ("", ""), ("unix:", ""), ("nonsense", ""), ("1.2.3", ""),
])
def test_an_address_has_one_spelling(peer: str, text: str) -> None:
    assert text == address(peer)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "Forwarded"])
def test_nobody_is_believed_without_trust(name: str) -> None:
    value = "for=9.9.9.9" if name == "Forwarded" else "9.9.9.9"
    assert "192.0.2.1" == address("192.0.2.1", **{name: value})
    assert "192.0.2.1" == address("192.0.2.1", "10.0.0.0/8", **{name: value})
    assert "9.9.9.9" == address("10.0.0.1", "10.0.0.0/8", **{name: value})
    assert "9.9.9.9" == address("::ffff:10.0.0.1", "10.0.0.0/8", **{name: value})


@pytest.mark.parametrize(("value", "client"), [
    ("9.9.9.9", "9.9.9.9"), ("1.1.1.1, 9.9.9.9", "9.9.9.9"),
    ("1.1.1.1, 9.9.9.9, 10.0.0.2", "9.9.9.9"), ("9.9.9.9,10.0.0.2 , 10.0.0.3", "9.9.9.9"),
    ("10.0.0.3, 10.0.0.2", "10.0.0.3"), ("1.1.1.1, junk", "10.0.0.1"), ("", "10.0.0.1"),
    ("1.1.1.1, junk, 10.0.0.2", "10.0.0.2"), ("[2001:DB8::1]:443", "2001:db8::1"),
    ("9.9.9.9:1234", "9.9.9.9"), ("::ffff:9.9.9.9", "9.9.9.9"), ("unknown", "10.0.0.1"),
])
def test_forwarded_for_is_read_from_the_right(value: str, client: str) -> None:
    assert client == address("10.0.0.1", "10.0.0.0/8", X_Forwarded_For=value)


@pytest.mark.parametrize(("value", "client"), [
    ("for=9.9.9.9", "9.9.9.9"), ("For=9.9.9.9;proto=https;by=203.0.113.43", "9.9.9.9"),
    ("for=1.1.1.1, for=9.9.9.9", "9.9.9.9"), ('proto=http;for="[2001:db8::1]:4711"', "2001:db8::1"),
    ('for="9.9.9.9:80", for=10.0.0.2', "9.9.9.9"), ("for=unknown", "10.0.0.1"),
    ("for=_hidden, for=10.0.0.2", "10.0.0.2"), ("by=9.9.9.9", "10.0.0.1"), ("", "10.0.0.1"),
])
def test_forwarded_is_read_as_its_standard_says(value: str, client: str) -> None:
    assert client == address("10.0.0.1", "10.0.0.0/8", Forwarded=value)


def test_of_several_headers_the_first_with_an_address_wins() -> None:
    trusted = "10.0.0.0/8"
    assert "1.1.1.1" == address("10.0.0.1", trusted, X_Forwarded_For="1.1.1.1",
                                Forwarded="for=2.2.2.2", X_Real_IP="3.3.3.3")
    assert "2.2.2.2" == address("10.0.0.1", trusted, X_Forwarded_For="junk",
                                Forwarded="for=2.2.2.2", X_Real_IP="3.3.3.3")
    assert "3.3.3.3" == address("10.0.0.1", trusted, X_Real_IP="3.3.3.3",
                                CF_Connecting_IP="4.4.4.4")
    assert "4.4.4.4" == address("10.0.0.1", trusted, X_Real_IP="junk", CF_Connecting_IP="4.4.4.4")
    assert "10.0.0.1" == address("10.0.0.1", trusted, X_Real_IP="junk", CF_Connecting_IP="")


def test_trust_may_name_networks_of_both_kinds() -> None:
    trusted = "2001:db8::/32 192.0.2.7/32"
    assert "9.9.9.9" == address("2001:db8::5", trusted, X_Forwarded_For="9.9.9.9, 192.0.2.7")
    assert "2001:db9::5" == address("2001:db9::5", trusted, X_Forwarded_For="9.9.9.9")


def test_what_is_too_long_for_an_address_is_neither_taken_nor_remembered() -> None:
    addresses = ClientAddresses((ip_network("10.0.0.0/8"),))
    for field in (b"X-Forwarded-For: %b", b"Forwarded: for=%b", b'Forwarded: for="%b"'):
        for number in range(10):
            head = Head(LINE + field % (b"1.1.1.1%%%060d" % number * 900) + b"\r\n")
            assert "10.0.0.1" == addresses.behind_proxy("10.0.0.1", head)
    assert 1 == addresses.of_peer.cache_info().currsize
