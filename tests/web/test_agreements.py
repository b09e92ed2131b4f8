"""Reading agreements: after one was taken by any worker, a question waits until it has landed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.process import running
from tracker.errors import RequestRefused
from tracker.registry.mark import Mark
from tracker.settings import QuerySettings
from tracker.web.agreements import MOST_CHARS, Agreements, AgreementsUnavailable


class Port(HTTPServer):
    """Takes statements and finds nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.asked: list[str] = []


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["content-length"])).decode()
        assert isinstance(self.server, Port)
        self.server.asked.append(sql.partition(" ")[0])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data":[]}')

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def worker(port: Port, folder: Path) -> Agreements:
    return Agreements(QuerySettings("127.0.0.1", port.server_port), Mark(folder / "agreed"))


def test_what_one_worker_was_sent_another_waits_for(port: Port, tmp_path: Path) -> None:
    one, other = worker(port, tmp_path), worker(port, tmp_path)
    asyncio.run(other.of("anna", ""))
    one.note()
    asyncio.run(other.of("anna", ""))

    assert ["SELECT", "SYSTEM", "SELECT"] == port.asked


def test_names_that_are_too_long_are_refused_as_such(port: Port, tmp_path: Path) -> None:
    with pytest.raises(RequestRefused) as refused:
        asyncio.run(worker(port, tmp_path).of("x" * MOST_CHARS, "y"))

    assert (400, "name_too_long", "vid") == (refused.value.status, refused.value.code,
                                             refused.value.field)
    assert [] == port.asked


@pytest.mark.parametrize(("number", "says"), [
    (None, "which is off: set QueryPort"), (0, "does not answer"),
])
def test_only_a_port_that_is_off_is_called_off(tmp_path: Path, number: int | None, says: str
                                               ) -> None:
    asking = Agreements(QuerySettings("127.0.0.1", number), Mark(tmp_path / "agreed"))

    with pytest.raises(AgreementsUnavailable, match=says):
        asyncio.run(asking.of("anna", ""))


@pytest.mark.server
def test_a_query_port_that_the_start_picked_answers(tmp_path: Path) -> None:
    with running(tmp_path, QueryPort="127.0.0.1:0") as tracker:
        assert 200 == tracker.post({"vid": "anna", "cflags": 8}, "/tr/v1/ppi/agree")
        status, _, body = tracker.request("GET", "/tr/v1/ppi/agree?vid=anna")

    assert (200, ["anna"]) == (status, [row["vid"] for row in json.loads(body)])
