"""The description of the API is whole and true: what it says is what a tracker does."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from harness.geodata import V4, V6, csv_of
from harness.process import TrackerProcess, account, running
from harness.worker import Worker, settings_for, working
from tracker.routes import TRACKING_ROUTES
from tracker.web.rest import REST

CONFIG = Path(__file__).with_name("schemathesis.toml")
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
SECONDS = 60.0


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(settings_for(tmp_path_factory.mktemp("described"))) as worker:
        yield worker


def ask(worker: Worker, method: str, path: str) -> Any:
    with worker.connect() as client:
        return client.ask(f"{method} {path} HTTP/1.1\r\nHost: tracker.test\r\n"
                          "Content-Length: 0\r\nConnection: close\r\n\r\n".encode(), method)


@pytest.fixture(scope="module")
def document(worker: Worker) -> dict[str, Any]:
    return dict(ask(worker, "GET", "/tr/v1/openapi.json").json())


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(document).validate()

    assert "3.1.0" == document["openapi"]


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for at in document["paths"].values()
             for method, operation in at.items() if method != "summary"]

    assert len(names) == len(set(names))


def test_every_name_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    components = document["components"]
    used = set(re.findall(r"#/components/(\w+)/(\w+)", str(document)))

    assert used == {(kind, name) for kind in ("schemas", "responses")
                    for name in components[kind]}


def test_every_method_that_is_served_is_described_and_no_other(
        worker: Worker, document: dict[str, Any]) -> None:
    for path, at in document["paths"].items():
        taken = {method for method in METHODS
                 if ask(worker, method, re.sub(r"\{\w+\}", "x", path)).status != 405}
        if path == "/{slug}":  # at other paths every method is answered with 404 where no link is
            taken &= {"GET", "HEAD", "OPTIONS", "POST", "PUT"}
        assert {method.upper() for method in at if method != "summary"} == taken, path


def test_another_method_is_answered_with_those_that_are_taken(
        worker: Worker, document: dict[str, Any]) -> None:
    refused = 0
    for path, at in document["paths"].items():
        taken = {method.upper() for method in at if method != "summary"}
        for method in (*METHODS, "PROPFIND"):
            answer = ask(worker, method, re.sub(r"\{\w+\}", "x", path))
            if answer.status != 405 or method == "HEAD":
                continue
            refused += 1
            allowed = answer.headers["allow"]
            assert taken == set(allowed.split(", ")), (method, path)
            error = answer.json()["error"]
            assert ("method_not_allowed", True) == (
                error["code"], allowed in error["message"]), (method, path)
    assert refused > 100


def test_every_path_that_is_served_is_described(worker: Worker, document: dict[str, Any]
                                                ) -> None:
    served: Any = worker.edge.door._application
    pages = {route.path for route in served.config.app._pages.routes
             if getattr(route.endpoint, "operations", None) != ()}
    served_paths = {path.removesuffix(REST).removesuffix("/") for path in pages} | {
        line.path(1).rstrip("/") for line in TRACKING_ROUTES}

    assert served_paths == {re.sub(r"/(\{.*)?$", "", path) for path in document["paths"]} - {""}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    folder = tmp_path_factory.mktemp("checked")
    (folder / "public").mkdir()
    (folder / "public" / "a.txt").write_text("a file")
    (folder / "data.csv").write_bytes(csv_of((*V4, *V6)))
    with running(folder, Domains=["shop.example"], DefaultRedirect="https://shop.example/",
                 StaticDirectory=str(folder / "public"), UseGeoIP=True,
                 GeoIPFiles=[str(folder / "data.csv")]) as tracker:
        yield tracker


@pytest.mark.server
def test_a_tracker_does_what_its_description_says(tracker: TrackerProcess, tmp_path: Path
                                                  ) -> None:
    parameters = tomllib.loads(CONFIG.read_text())["parameters"]
    uid = parameters["path.uid"]
    account(tracker, "add", uid, said=parameters["path.password"] + "\n")
    key = account(tracker, "key", uid)

    checked = subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG),
         "--no-color", "run", f"{tracker.url}/tr/v1/openapi.json",
         "-H", f"Authorization: Bearer {key}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert (0, "") == (checked.returncode, checked.stderr), checked.stdout
    assert "internal_error" not in tracker.log()
