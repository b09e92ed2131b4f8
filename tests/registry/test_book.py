"""What a worker knows of links: at once, exactly, and nothing of what was deleted."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.registry import Registry, head
from tracker.places import Places
from tracker.registry.book import Book
from tracker.registry.calls import DropLink, PutLinks, Wish
from tracker.registry.mark import Mark


def found(book: Book, host: str, target: str) -> str | None:
    link = book.find(target.encode(), head(host))
    return None if link is None else link.slug


def test_what_was_made_is_found_at_once_by_every_worker(registry: Registry) -> None:
    with closing(registry.book()) as one, closing(registry.book()) as other:
        assert None is found(one, "go.example", "/spring")
        registry.put("https://go.example/spring")
        for book in (one, other):
            assert "/spring" == found(book, "go.example", "/spring")


def test_what_was_changed_or_deleted_is_so_at_once(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s", "https://a.example/")
        registry.put("https://go.example/s", "https://b.example/")
        link = book.find(b"/s", head("go.example"))
        assert link is not None
        assert b"https://b.example/" == link.location
        assert (False, True) == (book.leads_to("a.example"), book.leads_to("b.example"))
        registry.ask(DropLink(registry.who, "https://go.example/s"))
        assert None is found(book, "go.example", "/s")
        assert not book.leads_to("b.example")
        assert 0 == len(book)
        registry.put("https://go.example/s")
        assert "/s" == found(book, "go.example", "/s")


def test_the_exact_slug_wins_else_the_only_one_without_case(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/Spring")
        assert "/Spring" == found(book, "go.example", "/SPRING?x=1")
        registry.put("https://go.example/sprinG")
        assert "/sprinG" == found(book, "go.example", "/sprinG")
        assert "/Spring" == found(book, "go.example", "/Spring")
        assert None is found(book, "go.example", "/SPRING")


@pytest.mark.parametrize(("host", "slug"), [
    ("go.example", "/s"), ("GO.example", "/s"), ("go.example:8443", "/s"), ("go.example.", "/s"),
    ("go.example.:80", "/s"), ("other.example", None), ("go.example.evil.example", None),
    ("xgo.example", None), ("", None), ("go.example:9000", "/s"),
])
def test_a_link_without_a_port_answers_at_every_port(registry: Registry, host: str,
                                                     slug: str | None) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s")
        assert slug == found(book, host, "/s")


def test_a_link_with_a_port_answers_at_that_port_only_and_first(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example:8443/s", "https://port.example/")
        assert None is found(book, "go.example", "/s")
        registry.put("https://go.example/s", "https://plain.example/")
        for host, location in (("go.example:8443", b"https://port.example/"),
                               ("go.example:8880", b"https://plain.example/"),
                               ("go.example", b"https://plain.example/")):
            link = book.find(b"/s", head(host))
            assert link is not None
            assert location == link.location


def test_hosts_and_slugs_beyond_ascii_are_found_as_browsers_send_them(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://bücher.example/Größe")
        for target in ("/Gr%C3%B6%C3%9Fe", "/gr%c3%b6%c3%9fe", "/GR%C3%96SSE", "/Gro%CC%88%C3%9Fe"):
            assert "/Gr%C3%B6%C3%9Fe" == found(book, "xn--bcher-kva.example", target), target


@pytest.mark.parametrize("target", [b"", b"*", b"/", b"/s/", b"/s%", b"/%ff", b"s", b"//s", b"/s;x",
                                    b"/" + b"s" * 20_000, b"http://go.example/s", b"/s#x"])
def test_other_targets_are_no_link(registry: Registry, target: bytes) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s")
        assert None is book.find(target, head("go.example"))


def test_a_head_without_host_finds_nothing(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s")
        assert None is book.find(b"/s", b"GET /s HTTP/1.1\r\nX-Host: go.example\r\n")


def test_before_there_is_a_registry_a_book_is_empty(tmp_path: Path) -> None:
    places = Places(tmp_path)
    with closing(Book(places.registry, Mark(places.mark))) as book:
        assert None is found(book, "go.example", "/s")
        registry = Registry(tmp_path)
        registry.put("https://go.example/s")
        assert "/s" == found(book, "go.example", "/s")
        registry.close()


def test_a_damaged_registry_leaves_a_book_as_it_was(registry: Registry, tmp_path: Path) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s")
        assert "/s" == found(book, "go.example", "/s")
        book._path = tmp_path / "noise"
        book._path.write_bytes(b"noise" * 1000)
        book._close()
        registry.office.mark.move()
        assert "/s" == found(book, "go.example", "/s")


def test_finding_a_known_link_asks_no_database(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.put("https://go.example/s")
        assert "/s" == found(book, "go.example", "/s")
        assert book._reader is not None
        asked: list[str] = []
        book._reader.set_trace_callback(asked.append)
        for _ in range(100):
            found(book, "go.example", "/s")
            found(book, "go.example", "/none")
        assert [] == asked


def test_ten_thousand_links_are_taken_over_at_once(registry: Registry) -> None:
    with closing(registry.book()) as book:
        registry.ask(PutLinks(registry.who, [
            Wish(f"https://go.example/{number}", "https://example.com/") for number in range(10_000)
        ]))
        started = time.process_time()
        assert "/9999" == found(book, "go.example", "/9999")
        assert 2.0 > time.process_time() - started
        assert 10_000 == len(book)


def test_a_reader_cannot_write(registry: Registry) -> None:
    with closing(registry.book()) as book:
        found(book, "go.example", "/s")
        assert book._reader is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            book._reader.execute("DELETE FROM links")
