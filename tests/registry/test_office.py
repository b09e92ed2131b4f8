"""Who writes the registry: what it takes, from whom, and that it is there afterwards."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.registry import ADDRESS, NOON, Registry
from tracker.errors import RequestRefused, TrackerError
from tracker.registry import office
from tracker.registry.caller import Caller, CallRefused
from tracker.registry.calls import (
    AddAccount,
    AddKey,
    Asked,
    ChangeAccount,
    Click,
    Credential,
    DropKey,
    DropLink,
    FindLinks,
    ListAccounts,
    PutLinks,
    Wish,
)
from tracker.registry.links import SomeRefused
from tracker.registry.office import closed
from tracker.wire import packed


def outbox(registry: Registry) -> list[dict[str, Any]]:
    rows = registry.office.database.execute("SELECT content FROM outbox ORDER BY n").fetchall()
    return [msgspec.json.decode(row[0]) for row in rows]


# Links.


def test_a_link_is_told_with_all_that_follows_from_it(registry: Registry) -> None:
    link = registry.put("https://YourDomain.com/short",
                        "https://example.com/long/path?utm_source=test", oid="o-1", org="Org",
                        hostfrom="other", pathto=1, searchto=None)

    assert {
        "urlfrom": "https://yourdomain.com/short", "hostfrom": "yourdomain.com",
        "slugfrom": "/short", "urlto": "https://example.com/long/path?utm_source=test",
        "hostto": "example.com", "pathto": "/long/path", "searchto": "?utm_source=test",
        "oid": "o-1", "org": "Org", "pass_query": False, "expires": None, "max_clicks": None,
        "clicks": None, "updater": "anna", "created_at": "2026-11-18T11:06:40.000Z",
        "updated_at": "2026-11-18T11:06:40.000Z"} == link


def test_links_outlive_the_office(registry: Registry) -> None:
    registry.put("https://go.example/s")
    registry.close()
    registry.open()

    assert "https://example.com/there" == registry.ask(
        FindLinks(registry.who, urlfrom="https://go.example/s"))["urlto"]


def test_making_a_link_again_replaces_it_and_changing_it_keeps_the_rest(registry: Registry) -> None:
    registry.put("https://go.example/s", oid="o-1", max_clicks=5)
    registry.now += 1
    told = registry.ask(PutLinks(registry.who, [Wish("https://go.example/s", pass_query=True)],
                                 change=True))[0]
    assert ("o-1", 5, True, "https://example.com/there") == (
        told["oid"], told["max_clicks"], told["pass_query"], told["urlto"])
    assert (told["created_at"] < told["updated_at"])
    told = registry.put("https://go.example/s", "https://b.example/")
    assert ("", None, False) == (told["oid"], told["max_clicks"], told["pass_query"])


def test_what_is_not_there_can_be_neither_changed_nor_deleted(registry: Registry) -> None:
    wish = Wish("https://go.example/s", "https://a.example/")
    for call in (PutLinks(registry.who, [wish], change=True),
                 DropLink(registry.who, "https://go.example/s"),
                 FindLinks(registry.who, urlfrom="https://go.example/s")):
        assert (404, "link_not_found", "urlfrom") == registry.refusal(call)


def test_only_the_links_of_the_named_host_are_listed(registry: Registry) -> None:
    for host in ("a.example", "b.example", "a.example:8443"):
        for slug in ("x", "y", "z"):
            registry.put(f"https://{host}/{slug}")
    registry.ask(DropLink(registry.who, "https://a.example/y"))

    listed = registry.ask(FindLinks(registry.who, "A.example"))
    assert ["https://a.example/x", "https://a.example/z"] == [link["urlfrom"] for link in listed]
    listed = registry.ask(FindLinks(registry.who, "b.example", after="/x", most=1))
    assert ["/y"] == [link["slugfrom"] for link in listed]


def test_long_links_are_listed_a_few_at_once(registry: Registry) -> None:
    urlto = "https://a.example/?" + "q" * 7_900
    registry.ask(PutLinks(registry.who, [Wish(f"https://go.example/{n:04}", urlto)
                                         for n in range(600)]))
    pages, after = [], ""
    while page := registry.ask(FindLinks(registry.who, "go.example", after=after, most=10_000)):
        pages.append(len(page))
        after = page[-1]["slugfrom"]

    assert [600 - pages[1], pages[1]] == pages
    assert pages[0] > 500
    assert pages[1] > 0


def test_a_load_that_grows_in_the_telling_is_told(served: Registry) -> None:
    wishes = [Wish(f"https://go.example/{n}", "https://a.example/?" + "<" * 7_900)
              for n in range(500)]

    told = asyncio.run(Caller(served.places).ask(PutLinks(served.who, wishes)))
    assert 201 == told.status
    assert len(told.value) > 16 << 20


def test_a_host_in_the_path_must_be_that_of_the_link(registry: Registry) -> None:
    wish = Wish("https://go.example/s", "https://a.example/")

    assert (400, "link_refused", "urlfrom") == registry.refusal(
        PutLinks(registry.who, [wish], "other.example"))
    assert registry.ask(PutLinks(registry.who, [wish], "GO.example"))


@pytest.mark.parametrize(("more", "field"), [
    ({"urlto": ""}, "urlto"), ({"expires": "soon"}, "expires"), ({"expires": 10**18}, "expires"),
    ({"expires": "0001-01-01T00:00:00+23:00"}, "expires"),
    ({"expires": "9999-12-31T23:59:59-23:00"}, "expires"),
    ({"max_clicks": 0}, "max_clicks"), ({"max_clicks": -1}, "max_clicks"),
    ({"max_clicks": 1 << 60}, "max_clicks"), ({"oid": "x" * 201}, "oid"),
    ({"org": "ü" * 150}, "org"),
])
def test_bad_values_are_refused_by_name(registry: Registry, more: dict[str, Any], field: str
                                        ) -> None:
    wish = Wish(**{"urlfrom": "https://go.example/s", "urlto": "https://a.example/", **more})

    assert (400, "link_refused", field) == registry.refusal(PutLinks(registry.who, [wish]))


def test_no_link_leads_to_a_link_so_none_leads_in_a_circle(registry: Registry) -> None:
    registry.put("https://go.example/a", "https://go.example/b")
    for urlto in ("https://go.example/a", "http://go.example:8443/A?x=1", "https://GO.example/%61",
                  "https://x.example/tr/v1/rdr/?url=https%3A%2F%2Fgo.example%2Fa"):
        wish = Wish("https://go.example/b", urlto)
        assert (400, "link_refused", "urlto") == registry.refusal(PutLinks(registry.who, [wish]))
    registry.ask(DropLink(registry.who, "https://go.example/a"))
    registry.put("https://go.example/b", "https://go.example/a")


def test_many_are_taken_in_one_step_or_none(registry: Registry) -> None:
    wishes = [Wish(f"https://go.example/{n}", "https://a.example/") for n in range(10_000)]
    wishes[7] = Wish("https://go.example/tr/x", "https://a.example/")
    wishes[9_999] = Wish("https://go.example/x", "javascript:alert(1)")

    with pytest.raises(SomeRefused) as refused:
        registry.ask(PutLinks(registry.who, wishes))
    assert [(7, "urlfrom"), (9_999, "urlto")] == [
        (one["index"], one["field"]) for one in refused.value.rejected]
    assert [] == registry.ask(FindLinks(registry.who, "go.example"))
    assert [] == outbox(registry)

    del wishes[9_999], wishes[7]
    assert 9_998 == len(registry.ask(PutLinks(registry.who, wishes)))
    assert 9_998 == len(registry.ask(FindLinks(registry.who, "go.example", most=10_000)))
    assert 9_998 == len(outbox(registry))


def test_more_than_ten_thousand_at_once_or_none_at_all_are_refused(registry: Registry) -> None:
    wish = Wish("https://go.example/s", "https://a.example/")

    assert (413, "too_many_links", None) == registry.refusal(
        PutLinks(registry.who, [wish] * 10_001))
    assert (400, "empty_batch", None) == registry.refusal(PutLinks(registry.who, []))


def test_a_link_is_followed_no_more_often_than_it_may_be(registry: Registry) -> None:
    registry.put("https://go.example/s", max_clicks=20)

    async def clicks() -> list[bool]:
        told = await asyncio.gather(*(registry.office.take(Click("go.example", "/s", count=True))
                                      for _ in range(50)))
        return [one.value == b"true" for one in told]

    assert 20 == sum(asyncio.run(clicks()))
    assert not registry.ask(Click("go.example", "/s", count=False))
    assert 20 == registry.ask(FindLinks(registry.who, "go.example"))[0]["clicks"]
    registry.put("https://go.example/s", max_clicks=21)
    assert registry.ask(Click("go.example", "/s", count=False))
    assert [True, False] == [registry.click("go.example", "/s") for _ in range(2)]


def test_an_expired_limited_link_is_not_followed(registry: Registry) -> None:
    registry.put("https://go.example/s", max_clicks=20, expires=int((NOON + 60) * 1000))
    assert registry.click("go.example", "/s")
    registry.now += 60
    assert not registry.click("go.example", "/s")


def test_each_change_leaves_one_note_without_secrets(registry: Registry) -> None:
    registry.put("https://go.example/s", "https://a.example/")
    registry.put("https://go.example/s", "https://b.example/x?y=z")
    registry.ask(DropLink(registry.who, "https://go.example/s"))

    notes = outbox(registry)
    assert [("https://a.example/", False), ("https://b.example/x?y=z", False),
            ("https://b.example/x?y=z", True)] == [
        (note["urlto"], note["deleted"]) for note in notes]
    assert {"go.example/s"} == {note["key"] for note in notes}
    assert registry.who.key not in str(notes)
    eids = registry.office.database.execute("SELECT eid FROM outbox").fetchall()
    assert 3 == len(set(eids))


# Who may.


def test_an_account_of_an_address_may_use_its_ports(registry: Registry) -> None:
    registry.ask(AddAccount("six", "", ("redirects",), hosts=("[2001:db8::1]",)))
    who = Credential(ADDRESS, key=registry.ask(AddKey("six"))["key"])

    assert registry.ask(PutLinks(who, [Wish("http://[2001:db8::1]:8080/s", "https://a.example/")],
                                 "[2001:db8::1]"))


def test_an_account_changes_only_its_hosts(registry: Registry) -> None:
    registry.put("https://b.example/s")
    registry.ask(AddAccount("bea", "", ("redirects",), hosts=("A.example", "bücher.example")))
    who = Credential(ADDRESS, key=registry.ask(AddKey("bea"))["key"])

    assert registry.ask(PutLinks(who, [Wish("https://a.example:99/s", "https://x.example/")]))
    assert registry.ask(PutLinks(who, [Wish("https://bücher.example/s", "https://x.example/")]))
    for call in (PutLinks(who, [Wish("https://b.example/s", "https://x.example/")]),
                 DropLink(who, "https://b.example/s"), FindLinks(who, "b.example"),
                 FindLinks(who, urlfrom="https://b.example/s")):
        assert (403, "forbidden", "host") == registry.refusal(call)


@pytest.mark.parametrize(("account", "key", "may"), [
    (("redirects",), (), True), (("read",), (), False), (("admin",), (), True),
    (("admin",), ("read",), False), (("redirects", "read"), ("read",), False),
    (("redirects", "read"), ("redirects",), True),
])
def test_scopes_are_those_of_the_key_within_those_of_the_account(
        registry: Registry, account: tuple[str, ...], key: tuple[str, ...], may: bool) -> None:
    registry.ask(AddAccount("bea", "", account))
    who = Credential(ADDRESS, key=registry.ask(AddKey("bea", key))["key"])
    call = FindLinks(who, "a.example")

    if may:
        assert [] == registry.ask(call)
    else:
        assert (403, "forbidden", None) == registry.refusal(call)


def test_a_key_has_no_more_scopes_than_its_account(registry: Registry) -> None:
    assert (400, "account_refused", "scopes") == registry.refusal(AddKey("anna", ("admin",)))


def test_accounts_and_keys_end(registry: Registry) -> None:
    soon = int((NOON + 60) * 1000)
    registry.ask(AddAccount("bea", "password-1", ("redirects",), expires=soon))
    registry.ask(AddAccount("cleo", "", ("redirects",)))
    made = registry.ask(AddKey("cleo", expires=soon))
    gone = registry.ask(AddKey("cleo"))
    registry.ask(DropKey(gone["id"]))
    off = Credential(ADDRESS, key=registry.ask(AddKey("cleo"))["key"])
    bea = Credential(ADDRESS, uid="bea", password="password-1")
    cleo = Credential(ADDRESS, key=made["key"])
    for who in (bea, cleo, off):
        assert [] == registry.ask(FindLinks(who, "a.example"))

    registry.now += 61
    registry.ask(ChangeAccount("cleo", disabled=True))
    for who in (bea, cleo, off, Credential(ADDRESS, key=gone["key"])):
        assert (401, "not_authenticated", None) == registry.refusal(FindLinks(who, "a.example"))
    registry.ask(ChangeAccount("cleo", disabled=False))
    assert [] == registry.ask(FindLinks(off, "a.example"))


def test_a_new_password_takes_the_place_of_the_old(registry: Registry) -> None:
    registry.ask(AddAccount("bea", "password-1", ("redirects",)))
    registry.ask(ChangeAccount("bea", password="password-2"))

    for password, right in (("password-2", True), ("password-1", False), ("", False)):
        call = FindLinks(Credential(ADDRESS, uid="bea", password=password), "a.example")
        if right:
            assert [] == registry.ask(call)
        else:
            assert (401, "not_authenticated", None) == registry.refusal(call)


@pytest.mark.parametrize("call", [
    AddAccount("bea", "short", ("redirects",)), AddAccount("bea", "x" * 1001, ("redirects",)),
    AddAccount("", "", ("redirects",)), AddAccount("a b", "", ("redirects",)),
    AddAccount("a/b", "", ("redirects",)), AddAccount("x" * 101, "", ("redirects",)),
    AddAccount("bea", "", ("everything",)), AddAccount("bea", "", ()),
    AddAccount("bea", "", ("redirects",), name="a\nb"),
    AddAccount("bea", "", ("redirects",), name="x" * 201),
])
def test_bad_accounts_are_refused(registry: Registry, call: AddAccount) -> None:
    assert (400, "account_refused") == registry.refusal(call)[:2]


def test_an_account_is_made_once(registry: Registry) -> None:
    assert (409, "account_exists", "uid") == registry.refusal(
        AddAccount("anna", "", ("redirects",)))


def test_lists_hold_no_secrets_and_neither_does_the_file(registry: Registry) -> None:
    registry.ask(AddAccount("bea", "my secret password", ("redirects", "read"), "Bea"))
    key = registry.ask(AddKey("bea", ("read",), "poster"))
    listed = registry.ask(ListAccounts())

    assert ["anna", "bea"] == [one["uid"] for one in listed]
    assert {"Bea", "poster"} == {listed[1]["name"], listed[1]["keys"][0]["name"]}
    registry.close()
    kept = b"".join(path.read_bytes() for path in registry.places.data.glob("registry*"))
    for secret in (key["key"], "my secret password"):
        assert secret not in str(listed)
        assert secret.encode() not in kept
    assert b"$argon2id$v=19$m=65536,t=3" in kept
    registry.open()


def test_secrets_do_not_show_when_calls_are_printed(registry: Registry) -> None:
    for value in (Credential(ADDRESS, key="secret"), AddAccount("a", "secret", ()),
                  ChangeAccount("a", password="secret"),
                  FindLinks(Credential(ADDRESS, uid="u", password="secret")),
                  Asked(b"secret", ListAccounts())):
        assert "secret" not in repr(value) + str(value)


def test_guessing_is_slowed_by_account_and_by_address(registry: Registry) -> None:
    registry.ask(AddAccount("bea", "password-1", ("redirects",)))

    def tried(uid: str, password: str, address: str) -> tuple[int, str]:
        who = Credential(address, uid=uid, password=password)
        try:
            registry.ask(FindLinks(who, "a.example"))
        except RequestRefused as error:
            return error.status, error.code
        return 200, ""

    for number in range(5):
        assert (401, "not_authenticated") == tried("bea", "wrong", f"198.51.100.{number}")
    assert (429, "too_many_attempts") == tried("bea", "password-1", "203.0.113.1")
    for number in range(5):
        assert (401, "not_authenticated") == tried(f"u{number}", "wrong", "203.0.113.9")
    assert (429, "too_many_attempts") == tried("other", "wrong", "203.0.113.9")
    assert {"refused": 10, "slowed": 2} == dict(registry.office.logins)


def wait_for_the_processor() -> None:
    """As on a machine that is busy with other things."""
    time.sleep(0.3)


def use_the_processor() -> None:
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize(("cost", "least", "most"), [
    (wait_for_the_processor, 0.3, 0.6), (use_the_processor, 0.5, 5.0),
])
def test_the_rest_after_a_wrong_password_is_by_the_processor_that_it_took(
        monkeypatch: pytest.MonkeyPatch, cost: Callable[[], None], least: float, most: float
        ) -> None:
    monkeypatch.setattr(office, "is_password", lambda *_: cost())
    started = time.monotonic()

    assert not office._tried("", "wrong")
    assert least <= time.monotonic() - started < most


# The socket.


@pytest.fixture
def served(registry: Registry) -> Any:
    registry.places.run.mkdir()
    registry.places.token.write_bytes(b"token")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def serve() -> asyncio.Server:
        return await asyncio.start_unix_server(registry.office.answer, registry.places.calls)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    yield registry

    async def stop() -> None:
        server.close()
        await asyncio.sleep(0.05)

    asyncio.run_coroutine_threadsafe(stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_calls_come_by_the_socket(served: Registry) -> None:
    caller = Caller(served.places)
    wishes = [Wish("https://go.example/s", "https://a.example/"),
              Wish("https://go.example/tr/s", "https://a.example/")]

    assert 201 == asyncio.run(caller.ask(PutLinks(served.who, wishes[:1]))).status
    assert 200 == asyncio.run(caller.ask(PutLinks(served.who, wishes[:1]))).status
    with pytest.raises(CallRefused) as refused:
        asyncio.run(caller.ask(PutLinks(served.who, wishes)))
    assert [1] == [one["index"] for one in refused.value.told.rejected]


def test_who_does_not_know_the_token_is_not_answered(served: Registry) -> None:
    served.places.token.write_bytes(b"other")

    with pytest.raises(RequestRefused) as refused:
        asyncio.run(Caller(served.places).ask(ListAccounts()))
    assert 503 == refused.value.status


def test_noise_ends_a_connection_and_not_the_office(served: Registry) -> None:
    async def noise(data: bytes) -> bytes:
        source, sink = await asyncio.open_unix_connection(served.places.calls)
        sink.write(data)
        sink.write_eof()
        told = await source.read()
        sink.close()
        return told

    for data in (b"noise", b"\0" * 100, (1 << 60).to_bytes(8, "big"),
                 (5).to_bytes(8, "big") + b"\xc1\xc1\xc1\xc1\xc1",
                 packed(Asked(b"", ListAccounts()))):
        assert b"" == asyncio.run(noise(data))
    assert 200 == asyncio.run(Caller(served.places).ask(ListAccounts())).status


def test_without_an_office_the_answer_is_unavailable(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(RequestRefused) as refused:
        asyncio.run(Caller(registry.places).ask(ListAccounts()))
    assert (503, "unavailable") == (refused.value.status, refused.value.code)


def test_where_the_file_cannot_be_used_calls_are_told_so(registry: Registry) -> None:
    async def ask() -> None:
        path = registry.places.calls
        path.parent.mkdir(exist_ok=True)
        registry.places.token.write_bytes(b"token")
        async with await asyncio.start_unix_server(closed, path):
            await Caller(registry.places).ask(ListAccounts())

    with pytest.raises(CallRefused, match=r"registry\.db cannot be used"):
        asyncio.run(ask())


def test_two_who_make_the_same_link_at_once_make_one(served: Registry) -> None:
    def make(number: int) -> int:
        wish = Wish("https://go.example/s", f"https://a.example/{number}")
        return asyncio.run(Caller(served.places).ask(PutLinks(served.who, [wish]))).status

    before = Path.cwd()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(make, range(24)))
    assert [200] * 23 + [201] == sorted(statuses)
    assert before == Path.cwd(), "the folder of all threads was changed"
    assert 1 == len(served.ask(FindLinks(served.who, "go.example")))


def test_a_fault_at_one_call_is_told_and_the_next_is_answered(
        served: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.delattr(served.office, "_links")
        with pytest.raises(CallRefused) as refused:
            asyncio.run(Caller(served.places).ask(FindLinks(served.who, "go.example")))
        assert (500, "internal_error") == (refused.value.status, refused.value.code)
    assert 200 == asyncio.run(Caller(served.places).ask(FindLinks(served.who, "a.example"))).status


# The file.


def test_on_a_full_disk_nothing_is_changed_and_later_it_is(served: Registry) -> None:
    database = served.office.database
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    wishes = [Wish(f"https://go.example/{n}", "https://a.example/") for n in range(1_000)]
    caller = Caller(served.places)

    with pytest.raises(CallRefused) as refused:
        asyncio.run(caller.ask(PutLinks(served.who, wishes)))
    assert (503, "unavailable", 1) == (refused.value.status, refused.value.code,
                                       refused.value.retry)
    database.execute("PRAGMA max_page_count = 1000000")
    assert [] == served.ask(FindLinks(served.who, "go.example"))
    assert 201 == asyncio.run(caller.ask(PutLinks(served.who, wishes))).status


@pytest.mark.parametrize("content", [b"noise" * 1000, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_registry_is_refused_in_words(registry: Registry, content: bytes) -> None:
    registry.close()
    registry.places.registry.write_bytes(content)
    try:
        with pytest.raises(TrackerError, match="cannot be opened"):
            registry.open()
    finally:
        registry.places.registry.unlink()
        registry.open()


def test_a_registry_of_a_newer_version_is_refused(registry: Registry) -> None:
    registry.office.database.execute("PRAGMA user_version = 99")
    registry.close()
    with pytest.raises(TrackerError, match="newer version"):
        registry.open()
    registry.places.registry.unlink()
    registry.open()


def test_a_commit_is_synced_and_what_is_deleted_is_overwritten(registry: Registry) -> None:
    database = registry.office.database

    assert [("wal",), (2,), (1,)] == [
        database.execute(f"PRAGMA {name}").fetchone()
        for name in ("journal_mode", "synchronous", "secure_delete")]
