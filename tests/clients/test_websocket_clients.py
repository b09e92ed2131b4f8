"""Browsers, Node and Python send by WebSocket over TLS, as the original's README shows it."""

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from harness.browser import browsing, program
from harness.process import TrackerProcess, free_port, running

pytestmark = pytest.mark.server

HERE = Path(__file__).parent
PAGE = "<!doctype html><title>shop</title>"
SENT = """
new Promise((done, fail) => {
  const ws = new WebSocket(%(url)s);
  ws.onopen = () => {
    ws.send(JSON.stringify({ename: "browser", etyp: "test", url: location.href}));
    ws.send(new Uint8Array(lz4(JSON.stringify({ename: "browser-lz4"}))));
  };
  ws.onmessage = (event) => {
    if (JSON.parse(event.data).ack === 2) { ws.close(1000); done(event.data); }
  };
  ws.onclose = (event) => fail(new Error("closed with " + event.code));
})
"""
LZ4 = """
window.lz4 = (text) => {
  const data = new TextEncoder().encode(text);  // as one run of literals
  const head = [data.length & 255, data.length >> 8, 0, 0];
  return data.length < 15 ? [...head, data.length << 4, ...data]
                          : [...head, 240, data.length - 15, ...data];
};
"""


class Secure:
    """A tracker that listens on TLS too, and serves a page."""

    def __init__(self, tracker: TrackerProcess, port: int) -> None:
        self.tracker = tracker
        self.url = f"wss://localhost:{port}/tr/v1/ws"
        self.page = f"https://localhost:{port}/tr/v1/pub/page.html"

    def rows(self, *names: str) -> dict[str, dict[str, Any]]:
        """The events of these names, each of which landed once."""
        self.tracker.flush()
        found = self.tracker.sql(
            "SELECT ename, vid, sid, url, server, browser, first FROM sfpla.events"
            " WHERE has({names:Array(String)}, ename)", names=str(list(names)))
        assert sorted(names) == sorted(row["ename"] for row in found)
        return {row["ename"]: row for row in found}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("clients")
    (folder / "public").mkdir()
    (folder / "public" / "page.html").write_text(PAGE)
    port = free_port()
    with running(folder, ProxyPortTLS=f"127.0.0.1:{port}", StaticDirectory="public",
                 AllowOrigin="https://shop.example") as tracker:
        yield Secure(tracker, port)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_a_python_client_sends_over_tls(secure: Secure) -> None:
    with connect(secure.url, ssl=trusting(), additional_headers={"Cookie": "vid=py; sid=s"},
                 origin=Origin("https://shop.example")) as client:
        client.send(json.dumps({"ename": "python"}))
        client.send(['{"ename":"pyt', "hon-2", '"}'])
        told = [json.loads(client.recv())]
        while told[-1]["ack"] < 2:
            told.append(json.loads(client.recv()))
        assert [] == [error for said in told for error in said["errors"]]
    rows = secure.rows("python", "python-2")
    assert {"py"} == {row["vid"] for row in rows.values()}


def test_an_event_sent_again_after_a_reconnect_lands_once(secure: Secure) -> None:
    event = json.dumps({"ename": "again", "eid": "14fb0860-b4bf-41e9-8971-7b80435315ac"})
    for _ in range(3):
        with connect(secure.url, ssl=trusting()) as client:
            client.send(event)
            client.send(event)
            assert json.loads(client.recv())["ack"] in {1, 2}
    secure.rows("again")


def test_a_page_that_is_not_allowed_cannot_connect(secure: Secure) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(
            secure.url, ssl=trusting(), origin=Origin("https://evil.example")):
        pass
    assert 403 == caught.value.response.status_code


def test_a_browser_sends_text_and_lz4_and_keeps_its_visitor(
    secure: Secure, tmp_path: Path,
) -> None:
    with browsing(tmp_path) as page:
        page.open(secure.page)
        page.run(LZ4)
        page.run("document.cookie = 'vid=; Max-Age=0; Path=/'")
        said = page.run(SENT % {"url": json.dumps(secure.url)})
        assert {"ack": 2, "errors": []} == json.loads(said)
        cookies = dict(pair.split("=", 1) for pair in page.run("document.cookie").split("; "))
        page.open("about:blank")  # its origin is "null", which is not allowed
        closed = page.run("new Promise((done) => { const ws = new WebSocket("
                          f"{json.dumps(secure.url)}); ws.onclose = (e) => done(e.code); }})")
        assert 1006 == closed
    rows = secure.rows("browser", "browser-lz4")
    for row in rows.values():
        assert (cookies["vid"], cookies["sid"]) == (row["vid"], row["sid"])
        assert not row["server"]
        assert "Chrome" in row["browser"]
    assert "/tr/v1/pub/page.html" in rows["browser"]["url"]


def test_node_sends_what_lz4_libraries_pack(secure: Secure, tmp_path: Path) -> None:
    node, npm = program("node", "nodejs"), program("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, tmp_path)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=tmp_path,
                   check=True, capture_output=True, timeout=120)
    done = subprocess.run([node, HERE / "send.cjs", tmp_path, secure.url], text=True, timeout=60,
                          capture_output=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert 0 == done.returncode, done.stdout + done.stderr
    *told, closed = map(json.loads, done.stdout.splitlines())
    assert [] == [error for said in told for error in said["errors"]]
    assert 5 == told[-1]["ack"]
    assert {"code": 1000, "reason": "done"} == closed
    secure.rows("text", "lz4-frame", "lz4-block", "wasm", "lz4js")
