"""Which ids a hit goes by, and the cookies that keep them."""

from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.intake import Client
from harness.refining import row_of
from tracker.hit import event_id, id_text
from tracker.intake.values import from_link, pick
from tracker.settings import IntakeSettings

VISITOR = "; Max-Age=34560000; Path=/; SameSite=Lax"
SESSION = "; Max-Age=1800; Path=/; SameSite=Lax"
OWN = "<own>"


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize(("target", "body", "cookie", "vid", "sid"), [
    # Nothing is known: the hit's own id is both.
    ("/", b"", "", OWN, OWN),
    ("/", b'{"a":1}', "", OWN, OWN),
    # A script or app keeps the ids that it names in a body.
    ("/", b'{"vid":"v","sid":"s"}', "", None, None),
    ("/", b'{"VID":"v","Sid":7}', "", None, None),
    ("/", b'{"vid":"v"}', "", None, OWN),
    ("/", b'{"sid":"s"}', "vid=c; sid=d", None, None),
    ("/", b'{"vid":"","sid":null}', "", OWN, OWN),
    ("/", b'{"vid":{},"sid":["s"]}', "", OWN, OWN),
    ("/", b'{"vid":0,"sid":1.5}', "", None, None),
    ("/", b'{"vid":false,"sid":true}', "", None, None),
    ("/vid/a/sid/b", b'{"vid":{},"sid":""}', "", OWN, OWN),  # what is named hides what is below
    ("/sid", b'{"vid":null}', "vid=c; sid=d", None, "d"),
    ("/sid//", b'{"vid":null}', "vid=c; sid=d", None, OWN),
    ("/", b'[{"vid":"v"},{"sid":"s"}]', "", None, OWN),
    ("/", b'[1,{"vid":"v","sid":"s"}]', "", None, None),
    ("/", b"vid=v&sid=s", "", None, None),
    # Cookies: the visitor's stays, the session's is renewed.
    ("/", b'{"a":1}', "vid=c; sid=d", None, "d"),
    ("/", b"", "vid=c", None, OWN),
    ("/", b"", "sid=d", OWN, "d"),
    ("/", b"", 'a=b; vid=c;sid="d"', None, "d"),
    ("/", b"", "sess=e", OWN, None),
    ("/", b"", "sess=e; sid=d", OWN, "d"),
    ("/", b"", "VID=c; Sid=d", OWN, OWN),
    # A link names the visitor: kept for the next visit, unless a cookie is there.
    ("/vid/AB", b"", "", "AB", OWN),
    ("/VID/AB/sid/S", b"", "", "AB", "S"),
    ("/vid/AB?vid=CD&sid=E", b"", "", "CD", "E"),
    ("/?vid=1&vid=2", b"", "", "1", OWN),
    ("/vid/1/vid/2", b"", "", "2", OWN),
    ("/vid/AB/sid/S", b"", "vid=c; sid=d", None, "S"),
    ("/vid/AB", b'{"sid":"s"}', "", "AB", None),
    ("/?vid=Q", b'{"sid":"s"}', "", OWN, None),  # the query counts only without a body
    ("/vid", b"", "", OWN, OWN),
    ("/vid/", b"", "", OWN, OWN),
    # Values that do not fit in a cookie are not made to.
    ("/vid/a%3Bb/sid/a%20b", b"", "", None, None),
    ("/vid/%0D%0ASet-Cookie:x/sid/%C3%BC", b"", "", None, None),
    ("/vid/" + "x" * 201, b"", "", None, OWN),
    ("/vid/a%2Fb", b"", "", "a/b", OWN),
])
@pytest.mark.parametrize("route", ["tr", "img"])
def test_cookies_keep_who_is_not_kept_elsewhere(
        client: Client, route: str, target: str, body: bytes, cookie: str, vid: str | None,
        sid: str | None) -> None:
    fields = {"Cookie": cookie} if cookie else {}
    if body.startswith(b"vid="):
        fields["content-type"] = "application/x-www-form-urlencoded"
    outcome = client.send("POST" if body else "GET", f"/tr/v1/{route}{target}", body, fields)
    assert outcome.hit is not None
    own = id_text(outcome.hit.id)
    expected = {}
    if vid is not None:
        expected["vid"] = (own if vid is OWN else vid) + VISITOR
    if sid is not None:
        expected["sid"] = (own if sid is OWN else sid) + SESSION
    assert expected == outcome.cookies


@pytest.mark.parametrize(("user", "cookie", "vid", "sid"), [
    ('{"vid":"u","sid":"t"}', "", "u", "t"), ('{"vid":"u"}', "vid=c; sid=d", None, "d"),
    ("%7B%22vid%22:%22u%22%7D", "", "u", OWN), ("not json", "", OWN, OWN), ("[1]", "", OWN, OWN),
    ("", 'user={"vid":"u"}', "u", OWN), ("", "user=%7B%22vid%22%3A%22u%22%7D", "u", OWN),
])
def test_the_user_header_stands_below_cookies(client: Client, user: str, cookie: str,
                                              vid: str | None, sid: str | None) -> None:
    fields = {name: value for name, value in (("User", user), ("Cookie", cookie)) if value}
    outcome = client.send("GET", "/tr/v1/tr/", b"", fields)
    assert outcome.hit is not None
    own = id_text(outcome.hit.id)
    texts = {"vid": own if vid is OWN else vid, "sid": own if sid is OWN else sid}
    assert {name: text for name, text in texts.items() if text is not None} == {
        name: rest.partition(";")[0] for name, rest in outcome.cookies.items()}


def test_cookies_are_secure_where_the_client_came_by_tls(client: Client) -> None:
    cookies = client.send("GET", "/tr/v1/tr/", secure=True).cookies
    assert {"vid", "sid"} == cookies.keys()
    assert all(rest.endswith("; Path=/; SameSite=Lax; Secure") for rest in cookies.values())


@pytest.mark.parametrize("route", ["str", "rdr", "pub"])
def test_server_side_routes_set_no_cookies(route: str) -> None:
    client = Client()
    outcome = client.post(b'{"a":1}', f"/tr/v1/{route}/?url=https://example.com/")
    assert {} == outcome.cookies


def test_a_redirect_for_browsers_keeps_the_visitor() -> None:
    client = Client(IntakeSettings(default_redirect="https://home.example/"))
    assert {"vid": "v" + VISITOR, "sid": "s" + SESSION} == client.get(
        "/tr/v1/xrdr/?vid=v&sid=s").cookies


@pytest.mark.parametrize(("query", "vid"), [
    ("utm_vid=v", "v"), ("UTM_VID=a&utm_vid=b", "b"), ("utm_vid=a&UTM_vid=b&utm_vid=c", "a"),
    ("utm_vid=a&vid=b", "b"),
])
def test_a_cookie_names_the_visitor_that_refining_finds_in_a_link(
    client: Client, query: str, vid: str,
) -> None:
    outcome = client.get(f"/tr/v1/img/?{query}")

    assert f"{vid}{VISITOR}" == outcome.cookies["vid"]
    assert outcome.hit is not None
    assert vid == row_of(outcome.hit)["vid"]


def test_a_link_whose_query_is_ignored_names_nobody() -> None:
    client = Client(IntakeSettings(ignore_query_key="igqp"))
    outcome = client.get("/tr/v1/tr/?vid=v&igqp=1")
    assert outcome.hit is not None
    assert id_text(outcome.hit.id) + VISITOR == outcome.cookies["vid"]


# What a script gets on /str/.

UUID = "14fb0860-b4bf-11e9-8971-7b80435315ac"


@pytest.mark.parametrize("sent", [
    UUID, UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}", f"{{{UUID}}}",
])
def test_a_uuid_of_the_client_is_the_events_id(client: Client, sent: str) -> None:
    assert UUID == client.post(f'{{"eid":"{sent}"}}', "/tr/v1/str/").json
    assert UUID == client.post(f'{{"EID":"{sent}"}}', "/tr/v1/str/").json
    assert [UUID] == client.post(f'[{{"eid":"{sent}"}}]', "/tr/v1/str/").json
    assert UUID == client.get(f"/tr/v1/str/eid/{sent}").json
    assert UUID == client.get(f"/tr/v1/str/?eid={sent}").json
    assert UUID == client.post(f"eid={sent}", "/tr/v1/str/",
                               content_type="application/x-www-form-urlencoded").json


@pytest.mark.parametrize("sent", ['"cw-a"', "7", "null", '""', "{}", f'"{UUID}x"',
                                  '"00000000-0000-0000-0000-000000000000"'])
def test_any_other_eid_leaves_the_event_ours(client: Client, sent: str) -> None:
    outcome = client.post(f'{{"eid":{sent}}}', "/tr/v1/str/")
    assert outcome.hit is not None
    assert id_text(event_id(outcome.hit.id, 0)) == outcome.json
    assert "application/json" == outcome.headers["content-type"]


def test_an_id_beside_a_batch_is_the_id_of_none_of_its_events(client: Client) -> None:
    outcome = client.post("[{},{}]", f"/tr/v1/str/eid/{UUID}")
    assert outcome.hit is not None
    assert [id_text(event_id(outcome.hit.id, index)) for index in range(2)] == outcome.json


def test_a_batch_gets_an_id_for_each_event_taken(client: Client) -> None:
    outcome = client.post(f'[{{}},7,{{"eid":"{UUID}"}},{{}}]', "/tr/v1/str/")
    assert outcome.hit is not None
    assert 207 == outcome.status
    ours = [id_text(event_id(outcome.hit.id, index)) for index in range(4)]
    assert [ours[0], None, UUID, ours[3]] == outcome.json["eids"]
    assert 3 == outcome.json["accepted"]
    assert [1] == [event["index"] for event in outcome.json["rejected"]]
    plain = client.post(b"{}\n{}", "/tr/v1/str/")
    assert 2 == len(set(plain.json))


@given(st.lists(st.sampled_from(["vid", "VID", "v%69d", "sid", "utm_vid", "UTM_Sid", "utm_utm_vid",
                                 "utm%5Fsid", "id", "v+d", "%", "igqp", "a" * 7, "\u017fid", ""])
                .flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(
                    ["", "1", "a+b", "%41", "%ff", "x/y"]))), max_size=6), st.booleans())
@example(pairs=[("utm_utm_vid", ""), ("utm_vid", "")], ignoring=False)
def test_ids_of_a_link_are_those_that_reading_all_of_it_would_give(
        pairs: list[tuple[str, str]], ignoring: bool) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    path = "/".join(f"{name}/{value}" for name, value in pairs)
    ignored = "igqp" if ignoring else ""
    said: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        said.setdefault(name, value)
    if ignored and ignored in said:
        said = {}
    plain = {name: value for name, value in said.items() if not name.lower().startswith("utm_")}
    for name, value in said.items():
        if name.lower().startswith("utm_"):
            plain.setdefault(name[4:], value)
    parts = path.split("/")
    in_path = {unquote(name): unquote(value)
               for name, value in zip(parts[::2], parts[1::2], strict=False)}

    assert pick(in_path | plain) == from_link(path.encode(), query.encode(), ignored)


def test_a_head_that_is_remembered_serves_other_targets_and_bodies(client: Client) -> None:
    headers = {"Cookie": "vid=c; other=secret", "Authorization": "Basic c2VjcmV0"}
    heads = [client.send("GET", f"/tr/v1/tr/number/{number}", b"", headers).hit.head  # type: ignore[union-attr]  # it is accepted
             for number in (1, 2, 1)]

    assert [head.split(b"\r\n")[0] for head in heads] == [
        b"GET /tr/v1/tr/number/%d HTTP/1.1" % number for number in (1, 2, 1)]
    assert all(b"Cookie: vid=c\r\n" in head and b"secret" not in head for head in heads)
    assert all(b"c2VjcmV0" not in head for head in heads)
