"""Chromium without a window, told what to do over its DevTools protocol."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0


def program(*names: str) -> str:
    """The first of these programs; the test is skipped where none is, but not in CI."""
    for name in names:
        if found := shutil.which(name):
            return found
    assert not os.environ.get("CI"), f"{names[0]} is missing; .ci/run installs it"
    pytest.skip(f"{names[0]} is not installed")


class Page:
    """One tab."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._asked = 0

    def ask(self, method: str, **params: Any) -> Any:
        """One command, and what came of it; events in between are passed over."""
        self._asked += 1
        self._devtools.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            said = json.loads(self._devtools.recv(timeout=PATIENCE))
            if said.get("id") == self._asked:
                assert "error" not in said, said["error"]
                return said["result"]

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        assert "errorText" not in self.ask("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE
        while self.run("document.readyState") != "complete":
            assert time.monotonic() < until
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        said = self.ask("Runtime.evaluate", expression=script, awaitPromise=True,
                        returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")


@contextlib.contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """A tab of a browser with a profile of its own; certificates are taken as they are."""
    child = subprocess.Popen(
        [program(*NAMES), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--disable-background-networking", "--remote-debugging-port=0",
         "--ignore-certificate-errors", f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        with connect(_tab(folder, child), max_size=None) as devtools:
            page = Page(devtools)
            yield page
            page.ask("Browser.close")
        child.wait(PATIENCE)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _tab(folder: Path, child: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert child.poll() is None, "the browser ended"
        with contextlib.suppress(OSError, ValueError, StopIteration):
            port = int((folder / "DevToolsActivePort").read_text().split()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                return str(next(tab["webSocketDebuggerUrl"] for tab in json.loads(answer.read())
                                if tab["type"] == "page"))
        time.sleep(0.1)
    raise AssertionError("the browser did not start")
