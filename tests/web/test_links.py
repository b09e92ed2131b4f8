"""Short URLs end to end: made by HTTP, followed at every worker, told in SQL."""

import base64
import http.client
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from harness.attack import store_of
from harness.process import TrackerProcess, account, running

pytestmark = pytest.mark.server

UID = "14fb0860-b4bf-11e9-8971-7b80435315ac"
PASSWORD = "password"
WAY = f"{UID}/{PASSWORD}"
API = "/tr/v1/rpi/redirect"


@dataclass
class Site:
    """A tracker with two workers and an account."""

    tracker: TrackerProcess
    key: str

    def ask(self, method: str, path: str, body: Any = None, **headers: str
            ) -> tuple[int, dict[str, str], bytes]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        return self.tracker.request(method, path, content, {
            "Authorization": f"Bearer {self.key}", **fields})

    def put(self, urlfrom: str, urlto: str = "https://example.com/there", **more: Any) -> Any:
        status, _, body = self.ask("POST", API, {"urlfrom": urlfrom, "urlto": urlto, **more})
        assert status in (200, 201), body
        return json.loads(body)

    def follow(self, target: str, host: str, method: str = "GET", **headers: str
               ) -> tuple[int, str]:
        """Status and place of a new connection, at any worker."""
        status, fields, _ = self.tracker.request(method, target, None, {"Host": host, **headers})
        return status, fields.get("location", "")

    def error(self, method: str, path: str, body: Any = None, **headers: str
              ) -> tuple[int, str, str | None]:
        status, fields, content = self.ask(method, path, body, **headers)
        assert "application/json" == fields["content-type"]
        assert "no-store" == fields["cache-control"]
        error = json.loads(content)["error"]
        return status, error["code"], error["field"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("links"), Workers=2, Domains=["shop.example"]) as tracker:
        account(tracker, "add", UID, said=PASSWORD + "\n")
        yield Site(tracker, account(tracker, "key", UID))


def test_the_originals_example_is_made_listed_followed_and_recorded(site: Site) -> None:
    body = {"urlfrom": "https://yourdomain.com/short", "hostfrom": "yourdomain.com",
            "slugfrom": "/short", "urlto": "https://example.com/long/path?utm_source=test",
            "hostto": "example.com", "pathto": "/long/path", "searchto": "?utm_source=test",
            "oid": "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}
    status, _, made = site.tracker.request("POST", f"{API}/{WAY}", json.dumps(body))
    assert 201 == status
    assert body == {name: json.loads(made)[name] for name in body}

    status, _, listed = site.tracker.request(
        "GET", f"/tr/v1/rpi/redirects/{WAY}/yourdomain.com")
    assert 200 == status
    assert [json.loads(made)] == json.loads(listed)["results"]

    for _ in range(8):
        assert (302, body["urlto"]) == site.follow("/short", "yourdomain.com")
    site.tracker.flush()
    (row,) = site.tracker.sql(
        "SELECT count() AS n, any(etyp) AS etyp, any(last) AS last, any(server) AS server"
        " FROM sfpla.events WHERE ename = 'short_rdr' AND url = '//yourdomain.com/short'")
    assert {"n": 8, "etyp": "redirect", "last": "/short", "server": False} == {
        **row, "n": int(row["n"])}


def test_the_originals_other_example_names_the_host_in_the_path(site: Site) -> None:
    body = {"urlfrom": "https://yoursitename.com/test", "hostfrom": "yoursrcsitename.com",
            "slugfrom": "/test", "urlto": "https://yoursitename.com/pathtourl?gu=1&ptyp=ad",
            "hostto": "yourdestsitename.com", "pathto": "/pathtourl", "searchto": "?gu=1&ptyp=ad"}

    status, _, made = site.tracker.request("POST", f"{API}/{WAY}/yoursitename.com",
                                           json.dumps(body))
    assert 201 == status
    assert "yoursitename.com" == json.loads(made)["hostto"]
    status, _, refused = site.tracker.request("POST", f"{API}/{WAY}/other.com", json.dumps(body))
    assert (400, "urlfrom") == (status, json.loads(refused)["error"]["field"])


def test_what_was_answered_is_so_at_every_worker_at_once(site: Site) -> None:
    for number in range(30):
        urlfrom = f"https://now.example/{number}"
        site.put(urlfrom, "https://one.example/")
        assert {(302, "https://one.example/")} == {
            site.follow(f"/{number}", "now.example") for _ in range(6)}
        site.put(urlfrom, "https://two.example/")
        assert {(302, "https://two.example/")} == {
            site.follow(f"/{number}", "now.example") for _ in range(6)}
        assert 200 == site.ask("DELETE", f"{API}?urlfrom={quote(urlfrom)}")[0]
        assert {404} == {site.follow(f"/{number}", "now.example")[0] for _ in range(6)}


def test_a_link_is_changed_shown_and_deleted(site: Site) -> None:
    urlfrom = "https://edit.example/s"
    site.put(urlfrom, oid="o-1")
    status, _, body = site.ask("PATCH", API, {"urlfrom": urlfrom, "pass_query": True})
    assert (200, "o-1", True) == (status, json.loads(body)["oid"], json.loads(body)["pass_query"])
    assert (302, "https://example.com/there?a=b") == site.follow("/s?a=b", "edit.example")
    assert body == site.ask("GET", f"{API}?urlfrom={urlfrom}")[2]
    assert 200 == site.ask("DELETE", f"{API}?urlfrom={urlfrom}")[0]
    for method, what in (("GET", None), ("DELETE", None), ("PATCH", {"urlfrom": urlfrom})):
        assert (404, "link_not_found", "urlfrom") == site.error(
            method, f"{API}?urlfrom={urlfrom}", what)


def test_ten_thousand_links_come_in_one_call(site: Site) -> None:
    links = [{"urlfrom": f"https://bulk.example/{number}", "urlto": "https://example.com/"}
             for number in range(10_000)]
    status, _, body = site.ask("POST", "/tr/v1/rpi/redirects", links)
    assert 201 == status, body[:300]
    assert 10_000 == len(json.loads(body)["results"])
    assert {302} == {site.follow(f"/{number}", "bulk.example")[0] for number in (0, 5_000, 9_999)}

    csv = "urlfrom,urlto\n" + "".join(
        f"https://csv.example/{number},https://example.com/\n" for number in range(100))
    assert 201 == site.ask("POST", "/tr/v1/rpi/redirects", csv, Content_Type="text/csv")[0]
    listed = json.loads(site.ask("GET", "/tr/v1/rpi/redirects/csv.example?limit=7&after=/97")[2])
    assert ["/98", "/99"] == [link["slugfrom"] for link in listed["results"]]


def test_of_a_bad_call_nothing_is_taken_and_all_that_is_wrong_is_named(site: Site) -> None:
    links = [{"urlfrom": "https://half.example/a", "urlto": "https://example.com/"},
             {"urlfrom": "https://half.example/tr/x", "urlto": "https://example.com/"},
             {"urlfrom": "https://half.example/b", "urlto": "javascript:alert(1)"}]
    status, _, body = site.ask("POST", "/tr/v1/rpi/redirects", links)

    assert 400 == status
    assert [(1, "urlfrom"), (2, "urlto")] == [
        (one["index"], one["field"]) for one in json.loads(body)["rejected"]]
    assert [] == json.loads(site.ask("GET", "/tr/v1/rpi/redirects/half.example")[2])["results"]


def test_clicks_are_limited_exactly_over_all_workers(site: Site) -> None:
    site.put("https://few.example/s", max_clicks=25)
    assert (302, "https://example.com/there") == site.follow("/s", "few.example", "HEAD")
    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(lambda _: site.follow("/s", "few.example")[0], range(60)))

    assert {302: 25, 410: 35} == dict(found)
    assert 410 == site.follow("/s", "few.example", "HEAD")[0]
    site.tracker.flush()
    assert 25 == site.tracker.value(
        "SELECT count() FROM sfpla.events WHERE params.link::String = 'few.example/s'")


def test_clicks_of_one_kept_connection_and_pieces_of_requests_are_followed(site: Site) -> None:
    site.put("https://kept.example/s")
    connection = http.client.HTTPConnection("127.0.0.1", site.tracker.port, timeout=30)
    for target, want in (("/s", 302), ("/s?x", 302), ("/none", 404), ("/s", 302), ("/S", 302)):
        connection.request("GET", target, headers={"Host": "kept.example"})
        answer = connection.getresponse()
        answer.read()
        assert want == answer.status
    connection.close()


def test_a_qr_code_is_drawn(site: Site) -> None:
    site.put("https://qr.example/s")
    path = "/tr/v1/rpi/qr?urlfrom=https://qr.example/s"
    status, fields, svg = site.ask("GET", path)
    assert (200, "image/svg+xml") == (status, fields["content-type"].partition(";")[0])
    assert b"<svg" in svg
    status, fields, png = site.ask("GET", path + "&format=png&scale=4")
    assert (200, "image/png") == (status, fields["content-type"])
    assert png.startswith(b"\x89PNG")
    for more, field in (("&format=pdf", "format"), ("&scale=9999", "scale"), ("&scale=x", "scale"),
                        ("&scale=0", "scale")):
        assert (400, "link_refused", field) == site.error("GET", path + more)
    assert (404, "link_not_found", "urlfrom") == site.error(
        "GET", "/tr/v1/rpi/qr?urlfrom=https://qr.example/none")


def test_basic_bearer_and_path_say_who_asks(site: Site) -> None:
    path = "/tr/v1/rpi/redirects/who.example"
    basic = base64.b64encode(f"{UID}:{PASSWORD}".encode()).decode()

    assert 200 == site.ask("GET", path)[0]
    assert 200 == site.ask("GET", path, Authorization=f"Basic {basic}")[0]
    for value in ("", "Bearer", "Bearer trk_wrong", "Basic", "Basic !!!", "Basic eHh4", "Digest x",
                  "Bearer " + "x" * 10_000, site.key):
        assert (401, "not_authenticated", None) == site.error("GET", path, Authorization=value)
    _, fields, _ = site.ask("GET", path, Authorization="")
    assert 'Bearer realm="tracker"' == fields["www-authenticate"]


@pytest.mark.parametrize(("method", "path", "want"), [
    ("PUT", API, 405), ("DELETE", "/tr/v1/rpi/redirects", 405), ("POST", "/tr/v1/rpi/qr", 405),
    ("GET", "/tr/v1/rpi/", 404), ("GET", "/tr/v1/rpi/x", 404),
    ("GET", "/tr/v1/rpi/redirects/a/b/c/d", 404), ("GET", "/tr/v1/rpi/redirects", 404),
    ("GET", "/tr/v1/rpi/redirects/a/b", 404), ("GET", "/tr/v1/rpi/redirect/a%0A/b", 400),
    ("GET", API, 400), ("POST", API, 400),
])
def test_other_paths_and_methods_are_refused(site: Site, method: str, path: str, want: int) -> None:
    status, _, body = site.ask(method, path)
    assert want == status, body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PROPFIND"])
def test_scripts_of_other_origins_read_which_methods_are_taken(site: Site, method: str) -> None:
    status, fields, body = site.ask(method, "/tr/v1/rpi/redirects", Origin="https://a.example")

    assert (405, "GET, HEAD, POST, OPTIONS", "*", "no-store") == (
        status, fields["allow"], fields["access-control-allow-origin"], fields["cache-control"])
    assert "GET, HEAD, POST, OPTIONS" in json.loads(body)["error"]["message"]


def test_no_list_is_asked_for_with_no_room(site: Site) -> None:
    site.put("https://none.example/s")
    path = "/tr/v1/rpi/redirects/none.example?limit="
    for wrong in ("0", "00", "-1", "1.5", "x", "", "9999999"):
        assert (400, "link_refused", "limit") == site.error("GET", path + wrong)
    for right in ("1", "10000", "999999"):
        assert 1 == len(json.loads(site.ask("GET", path + right)[2])["results"])


@pytest.mark.parametrize(("method", "path", "wanted"), [
    ("POST", API, "JSON object"), ("PATCH", API, "JSON object"),
    ("POST", "/tr/v1/rpi/redirects", "JSON array"),
])
@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_an_empty_body_is_called_empty(site: Site, method: str, path: str, wanted: str, kind: str
                                       ) -> None:
    for body in (b"", b" \r\n\t"):
        status, _, content = site.ask(method, path, body, Content_Type=kind)
        error = json.loads(content)["error"]
        assert (400, "empty_body") == (status, error["code"])
        assert "body is empty" in error["message"]
        assert wanted in error["message"]
    assert (400, "empty_batch", None) == site.error("POST", "/tr/v1/rpi/redirects", b"[]")
    assert (400, "empty_batch", None) == site.error(
        "POST", "/tr/v1/rpi/redirects", b"urlfrom,urlto\n", Content_Type="text/csv")


def test_a_browser_may_ask_first(site: Site) -> None:
    for path in (API, f"{API}/{WAY}", "/tr/v1/rpi/redirects/x", "/tr/v1/rpi/qr"):
        status, fields, _ = site.tracker.request("OPTIONS", path)
        assert 200 == status
        assert "content-type" in fields["access-control-allow-headers"]
        assert "authorization" in fields["access-control-allow-headers"]


def test_changes_are_rows_in_sql_as_the_original_asks_for_them(site: Site) -> None:
    urlfrom = "https://sql.example/Short"
    site.put(urlfrom, "https://one.example/a?b=c", oid="o-1")
    site.put(urlfrom, "https://two.example/", oid="o-1")
    site.put("https://sql.example/gone")
    site.ask("DELETE", f"{API}?urlfrom=https://sql.example/gone")
    site.tracker.flush()

    assert [{"urlfrom": "sql.example/Short", "urlto": "https://two.example/"}] == site.tracker.sql(
        "SELECT urlfrom, urlto FROM sfpla.redirects WHERE urlfrom LIKE 'sql.example/%' LIMIT 10")
    assert [
        (urlfrom, "https://one.example/a?b=c", "one.example", "/a", "?b=c"),
        (urlfrom, "https://two.example/", "two.example", "/", ""),
        ("https://sql.example/gone", "https://example.com/there", "example.com", "/there", ""),
        ("https://sql.example/gone", "", "", "", ""),
    ] == [tuple(row.values()) for row in site.tracker.sql(
        "SELECT urlfrom, urlto, hostto, pathto, searchto FROM sfpla.redirect_history"
        f" WHERE hostfrom = 'sql.example' AND updater = '{UID}' ORDER BY updated_at, urlfrom")]


def test_a_store_process_killed_at_any_moment_loses_and_doubles_no_change(site: Site) -> None:
    made: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        for burst in range(4):
            def send(burst: int = burst) -> None:
                for number in range(40):
                    urlfrom = f"https://kill.example/{burst}-{number}"
                    status, _, _ = site.ask("POST", API, {"urlfrom": urlfrom,
                                                          "urlto": "https://example.com/"})
                    if status in (200, 201):
                        made.append(urlfrom)

            sending = pool.submit(send)
            time.sleep(0.1 + 0.3 * burst)
            os.kill(store_of(site.tracker), signal.SIGKILL)
            sending.result()
            site.tracker.wait_until_ready()
    assert {302} == {site.follow(urlfrom.partition("example")[2], "kill.example")[0]
                     for urlfrom in made}
    site.tracker.flush()
    rows = site.tracker.sql("SELECT urlfrom, count() AS n FROM sfpla.redirect_history"
                            " WHERE hostfrom = 'kill.example' GROUP BY urlfrom")
    assert {"1"} == {str(row["n"]) for row in rows}
    assert set(made) <= {row["urlfrom"] for row in rows}


def test_links_outlive_kill_and_start(site: Site) -> None:
    site.put("https://still.example/s")
    site.tracker.kill()
    site.tracker.start()

    assert (302, "https://example.com/there") == site.follow("/s", "still.example")
    site.put("https://still.example/t")
    assert (302, "https://example.com/there") == site.follow("/t", "still.example")


def test_no_secret_is_logged_or_told(site: Site) -> None:
    site.tracker.request("POST", f"{API}/{UID}/a-wrong-password-1", "{}")
    site.tracker.request("GET", f"/tr/v1/rpi/nothing/{UID}/a-wrong-password-2")
    told = b"".join(site.tracker.request("GET", path)[2] for path in ("/metrics", "/health"))
    kept = b"".join(path.read_bytes() for path in site.tracker.data.rglob("*") if path.is_file()
                    and "chdb" not in path.parts)
    for secret in ("a-wrong-password", site.key, f"/{PASSWORD}"):
        assert secret not in site.tracker.log()
        assert secret.encode() not in told
        assert secret.encode() not in kept
