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
    text = banner(load(None, {}), [(Listener("127.0.0.1", 0), 41234)], 41235)

    assert "  listens on    http://127.0.0.1:41234\n" in text
    assert "  SQL           http://127.0.0.1:41235\n" in text
    assert "  curl -i http://127.0.0.1:41234/tr/v1/tr/ -d '{" in text
    assert '  tracker sql --port 41235 "SELECT ' in text


def test_it_names_the_config_file_that_would_not_be_found() -> None:
    Path("mine.json").write_text('{"ProxyExceptHTTP": ":80"}')

    text = banner(load(Path("mine.json"), {}), [(Listener("", 80), 80)], 8123)

    assert '  tracker sql --config mine.json "SELECT ' in text


def test_it_offers_plain_http_before_https() -> None:
    addresses = [(Listener("", 8443, tls=True), 8443), (Listener("", 8880), 8880),
                 (Listener("", 8080, redirect_to_port=8443), 8080)]

    text = banner(load(None, {}), addresses, None)

    assert "  listens on    http://localhost:8080 (redirects to https, port 8443)\n" in text
    assert "curl -i http://localhost:8880/" in text
    assert "curl -i -k https://[::1]:8443/" in banner(
        load(None, {}), [(Listener("::1", 8443, tls=True), 8443)], None)
    assert "tracker sql" not in text


def test_it_says_when_nothing_takes_events() -> None:
    text = banner(load(None, {}), [(Listener("", 80, redirect_to_port=443), 80)], None)

    assert "No address takes events" in text
