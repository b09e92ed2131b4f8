"""What becomes of an account and its keys: changed, ended, deleted; and when that holds."""

import asyncio
from typing import Any

import pytest

from harness.registry import ADDRESS, NOON, Registry
from tracker.errors import RequestRefused
from tracker.registry.calls import (
    AddAccount,
    AddKey,
    Call,
    ChangeAccount,
    ChangeKey,
    Credential,
    DropAccount,
    DropLink,
    FindLinks,
    ListAccounts,
    Permit,
    PutLinks,
    Wish,
)

SOON = int((NOON + 60) * 1000)
WISH = Wish("https://go.example/s", "https://a.example/")


@pytest.fixture
def bea(registry: Registry) -> Credential:
    """A key of an account with a name and a password."""
    registry.ask(AddAccount("bea", "password-1", ("redirects", "read"), "Bea Example"))
    return key_of(registry, "bea")


def key_of(registry: Registry, uid: str, *scopes: str, **more: Any) -> Credential:
    return Credential(ADDRESS, key=registry.ask(AddKey(uid, scopes, **more))["key"])


def listed(registry: Registry, uid: str) -> dict[str, Any]:
    return next(one for one in registry.ask(ListAccounts()) if one["uid"] == uid)


def test_what_is_changed_of_an_account_holds_at_once_and_the_rest_stays(
        registry: Registry, bea: Credential) -> None:
    registry.ask(ChangeAccount("bea", hosts=("Go.example", "bücher.example")))
    assert (403, "forbidden", "host") == registry.refusal(FindLinks(bea, "b.example"))
    registry.ask(ChangeAccount("bea", hosts=()))
    assert [] == registry.ask(FindLinks(bea, "b.example"))

    registry.ask(ChangeAccount("bea", scopes=("read",)))
    assert (403, "forbidden", None) == registry.refusal(FindLinks(bea, "b.example"))
    registry.ask(ChangeAccount("bea", scopes=("redirects",), name="B"))
    assert [] == registry.ask(FindLinks(bea, "b.example"))

    registry.ask(ChangeAccount("bea", expires=SOON))
    registry.now += 61
    assert (401, "not_authenticated", None) == registry.refusal(FindLinks(bea, "b.example"))
    assert listed(registry, "bea")["expired"]
    told = registry.ask(ChangeAccount("bea", expires=None))
    assert [] == registry.ask(FindLinks(bea, "b.example"))
    assert ("B", ["redirects"], [], None, True, False, False) == tuple(
        told[name] for name in ("name", "scopes", "hosts", "expires", "password", "disabled",
                                "expired"))


def test_a_password_can_be_taken_away(registry: Registry, bea: Credential) -> None:
    registry.ask(ChangeAccount("bea", password=""))

    assert not listed(registry, "bea")["password"]
    for password in ("", "password-1"):
        assert (401, "not_authenticated", None) == registry.refusal(
            FindLinks(Credential(ADDRESS, uid="bea", password=password), "a.example"))
    assert [] == registry.ask(FindLinks(bea, "a.example"))


def test_a_key_never_may_more_than_its_account_does_now(registry: Registry) -> None:
    registry.ask(AddAccount("root", "", ("admin",)))
    keys = {scope: key_of(registry, "root", scope) for scope in ("admin", "redirects", "read")}

    def may() -> dict[str, bool]:
        return {scope: not _refused(registry, FindLinks(who, "a.example"))
                for scope, who in keys.items()}

    assert {"admin": True, "redirects": True, "read": False} == may()
    registry.ask(ChangeAccount("root", scopes=("redirects",)))
    assert {"admin": True, "redirects": True, "read": False} == may()
    assert (403, "forbidden", None) == registry.refusal(Permit(keys["admin"], "collect-server"))
    registry.ask(ChangeAccount("root", scopes=("read",)))
    assert {"admin": False, "redirects": False, "read": False} == may()
    assert {(("read",), ("admin",)), ((), ("redirects",)), (("read",), ())} == {
        (tuple(key["scopes"]), tuple(key["held_back"]))
        for key in listed(registry, "root")["keys"]}
    registry.ask(ChangeAccount("root", scopes=("admin",)))
    assert {"admin": True, "redirects": True, "read": False} == may()


def _refused(registry: Registry, call: Call) -> bool:
    try:
        registry.ask(call)
    except RequestRefused:
        return True
    return False


def test_what_is_changed_of_a_key_holds_at_once_and_the_rest_stays(
        registry: Registry, bea: Credential) -> None:
    key_id = listed(registry, "bea")["keys"][0]["id"]
    registry.ask(ChangeKey(key_id, scopes=("read",)))
    assert (403, "forbidden", None) == registry.refusal(FindLinks(bea, "a.example"))
    registry.ask(ChangeKey(key_id, scopes=("redirects",), name="poster", expires=SOON))
    assert [] == registry.ask(FindLinks(bea, "a.example"))
    registry.now += 61
    assert (401, "not_authenticated", None) == registry.refusal(FindLinks(bea, "a.example"))
    told = registry.ask(ChangeKey(key_id, expires=None))
    assert [] == registry.ask(FindLinks(bea, "a.example"))
    assert (key_id, "poster", ["redirects"], None, False) == tuple(
        told[name] for name in ("id", "name", "scopes", "expires", "expired"))


def test_neither_key_nor_account_is_changed_into_what_may_not_be(
        registry: Registry, bea: Credential) -> None:
    before = registry.ask(ListAccounts())
    key_id = listed(registry, "bea")["keys"][0]["id"]

    wanted: tuple[tuple[Call, str], ...] = (
        (ChangeKey(key_id, scopes=("admin",)), "scopes"),
        (ChangeKey(key_id, scopes=("redirects", "collect-server")), "scopes"),
        (ChangeKey(key_id, scopes=()), "scopes"), (ChangeKey(key_id, name="a\nb"), "name"),
        (ChangeAccount("bea", scopes=()), "scopes"),
        (ChangeAccount("bea", scopes=("everything",), name="x"), "scopes"),
        (ChangeAccount("bea", name="x", hosts=("a/b",)), "host"),
        (ChangeAccount("bea", name="x" * 201), "name"),
        (ChangeAccount("bea", name="x", password="short"), "password"))
    for call, field in wanted:
        status, _, at = registry.refusal(call)
        assert (400, field) == (status, at), call
    nobodys: tuple[Call, ...] = (ChangeAccount("nobody", name="x"), DropAccount("nobody"))
    for call in nobodys:
        assert (404, "account_not_found", "uid") == registry.refusal(call)
    assert (404, "key_not_found", "id") == registry.refusal(ChangeKey("k1", name="x"))
    assert before == registry.ask(ListAccounts())


def test_a_deleted_account_is_gone_with_its_keys_and_its_links_lead_on(
        registry: Registry, bea: Credential) -> None:
    registry.ask(PutLinks(bea, [WISH]))
    key_of(registry, "bea", "read")
    told = registry.ask(DropAccount("bea"))

    assert ("bea", 2) == (told["uid"], len(told["keys"]))
    assert ["anna"] == [one["uid"] for one in registry.ask(ListAccounts())]
    for who in (bea, Credential(ADDRESS, uid="bea", password="password-1")):
        assert (401, "not_authenticated", None) == registry.refusal(FindLinks(who, "go.example"))
    book = registry.book()
    assert book.find(b"/s", b"\r\nHost: go.example\r\n") is not None
    book.close()
    assert "bea" == registry.ask(FindLinks(registry.who, "go.example"))[0]["updater"]
    registry.ask(DropLink(registry.who, WISH.urlfrom))


def test_an_account_made_anew_under_a_deleted_ones_name_has_none_of_its_keys(
        registry: Registry, bea: Credential) -> None:
    registry.ask(DropAccount("bea"))
    registry.ask(AddAccount("bea", "", ("admin",)))

    assert [] == listed(registry, "bea")["keys"]
    assert (401, "not_authenticated", None) == registry.refusal(FindLinks(bea, "a.example"))


def test_of_a_deleted_account_nothing_stays_in_the_file(registry: Registry, bea: Credential
                                                        ) -> None:
    key_of(registry, "bea", name="the print shop")
    registry.ask(DropAccount("bea"))
    registry.close()
    kept = b"".join(path.read_bytes() for path in registry.places.data.glob("registry*"))
    registry.open()

    for word in (b"Bea Example", b"the print shop", b"$argon2id$"):
        assert word not in kept


@pytest.mark.parametrize("end", [
    DropAccount("bea"), ChangeAccount("bea", disabled=True), ChangeAccount("bea", scopes=("read",)),
    ChangeAccount("bea", hosts=("other.example",)), ChangeAccount("bea", expires=1),
])
@pytest.mark.parametrize("by_key", [True, False])
def test_who_was_let_in_before_changes_nothing_after_that_has_ended(
        registry: Registry, bea: Credential, end: Call, by_key: bool) -> None:
    """A call is judged in one step and done in the next; another may come between the two."""
    who = bea if by_key else Credential(ADDRESS, uid="bea", password="password-1")

    async def both() -> list[object]:
        put = asyncio.create_task(registry.office.take(PutLinks(who, [WISH])))
        await asyncio.sleep(0)  # it is on its way to be judged
        ended = await registry.office.take(end)
        return [ended.status, *await asyncio.gather(put, return_exceptions=True)]

    status, refused = asyncio.run(both())
    assert status == 201
    assert isinstance(refused, RequestRefused), refused
    assert refused.status in (401, 403)
    assert [] == registry.ask(FindLinks(registry.who, "go.example"))


def test_who_was_let_in_by_a_password_changes_nothing_after_it_was_replaced(
        registry: Registry, bea: Credential) -> None:
    who = Credential(ADDRESS, uid="bea", password="password-1")

    async def both() -> object:
        put = asyncio.create_task(registry.office.take(PutLinks(who, [WISH])))
        await asyncio.sleep(0)
        await registry.office.take(ChangeAccount("bea", password=""))
        return (await asyncio.gather(put, return_exceptions=True))[0]

    refused = asyncio.run(both())
    assert isinstance(refused, RequestRefused), refused
    assert 401 == refused.status
