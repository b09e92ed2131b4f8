from dataclasses import replace
from pathlib import Path

import pytest

from tracker.banner import banner
from tracker.config import load
from tracker.settings import Listener


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["/nowhere/pytest"])


def test_it_names_the_ports_that_were_found_free() -> None:
    given = load(None, {})
    running = replace(given, listeners=(Listener("127.0.0.1", 41234),),
                      query=replace(given.query, port=41235))

    text = banner(given, running)

    assert "  listens on    http://127.0.0.1:41234\n" in text
    assert "  SQL           http://127.0.0.1:41235\n" in text
    assert "  curl -i http://127.0.0.1:41234/tr/v1/tr/ -d '{" in text
    assert '  tracker sql --port 41235 "SELECT ' in text


def test_it_names_the_config_file_that_would_not_be_found() -> None:
    Path("mine.json").write_text('{"ProxyExceptHTTP": ":80"}')
    given = load(Path("mine.json"), {})

    assert '  tracker sql --config mine.json "SELECT ' in banner(given, given)


def test_it_offers_plain_http_before_https() -> None:
    given = load(None, {})
    alone = replace(given, listeners=(Listener("::1", 8443, tls=True),),
                    query=replace(given.query, port=None))

    text = banner(given, given)

    assert "  listens on    http://localhost:8080 (redirects to https, port 8443)\n" in text
    assert "curl -i http://localhost:8880/" in text
    assert "curl -i -k https://[::1]:8443/" in banner(alone, alone)
    assert "tracker sql" not in banner(alone, alone)


def test_it_says_when_nothing_takes_events() -> None:
    given = replace(load(None, {}), listeners=(Listener("", 80, redirect_to_port=443),))

    assert "No address takes events" in banner(given, given)
