"""Every example in the README of the original works here, and leads to the rows that it promises.

The tests of one endpoint are what `make test-functional-…` runs: `-k` finds them by name.
"""

import http.client
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from acceptance.readme import Shell, examples
from harness.browser import browsing
from harness.process import TrackerProcess, eventually, free_port, running

VID = "14fb0860-b4bf-11e9-8971-7b80435315ac"
OID = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
PHONE = "016f2740-6e8c-11ea-9f0b-5d70c66851be"

NOT_RUN = {
    "TLDR": "clones and builds the Go program; ours is `make run`",
    "Quick Start with Makefile": "needs Docker",
    "Available Makefile Targets": "run by tests/test_makefile.py",
    "Available Makefile Targets (2)": "needs Docker",
    "Available Makefile Targets (3)": "needs Docker",
    "Available Makefile Targets (4)": "run by tests/test_makefile.py",
    "Available Makefile Targets (5)": "needs a cluster in Docker",
    "Available Makefile Targets (6)": "run by tests/test_makefile.py",
    "Available Makefile Targets (7)": "run by tests/test_makefile.py",
    "Example Workflow": "needs Docker",
    "Testing Messaging Tables": "needs Docker",
    "Docker": "needs Docker",
    "Debian": "installs Go and builds the Go program",
    "Mac": "installs Go and builds the Go program",
    "Unit Tests": "runs the tests of the Go program; ours is `make test`",
}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    """A tracker that all examples of this file are sent to."""
    with running(tmp_path_factory.mktemp("tracker"),
                 ProxyPortTLS=f"127.0.0.1:{free_port()}", UseGeoIP=True) as made:
        eventually(lambda: 200 == made.request("GET", "/tr/v1/ppi/geoip?ip=8.8.8.8")[0], 60,
                   "places are known")
        yield made


@pytest.fixture(scope="module")
def shell(tracker: TrackerProcess, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell in which the examples run."""
    port = tracker.config["ProxyPortTLS"].rpartition(":")[2]
    return Shell(tracker, tmp_path_factory.mktemp("shell"), f"localhost:{port}")


def lines(text: str) -> list[list[str]]:
    """Tab-separated rows at the end of what a shell printed."""
    return [line.split("\t") for line in text.splitlines()]


def events(tracker: TrackerProcess, where: str) -> list[dict[str, Any]]:
    """Landed events, the newest last."""
    tracker.flush()
    return tracker.sql(f"SELECT * FROM sfpla.events WHERE {where} ORDER BY created_at, eid")


def test_no_example_is_forgotten() -> None:
    run = {name for name in examples() if name not in NOT_RUN}

    assert NOT_RUN.keys() <= examples().keys()
    assert run == {
        "REST Payload Example", "JSON Payload Example (Method:POST, Body)", "Failed Example",
        "Good Example", "List Shortened URLs for a site", "Create a Shortened URL",
        "Testing within ECS docker container", "Unit Tests (2)", "1. Track Event (Client-side)",
        "2. Track Event (Server-side)", "3. Track Lifetime Value (LTV)",
        "4. Redirect/Short URL API", "5. Privacy/Agreement API", "6. Get Jurisdictions",
        "7. GeoIP Lookup", "8. WebSocket Streaming (LZ4 Compressed)",
        "9. Campaign/Message Thread Updates", "10. Health & Metrics Endpoints",
        "11. Batch Testing - High Volume", "12. Complete End-to-End Test",
        "Cleaning up the database", "Querying the database", "Querying the database (2)"}


def test_pairs_in_a_path(tracker: TrackerProcess, shell: Shell) -> None:
    shell.run(f"curl -skf {examples()['REST Payload Example'].text}")

    (event,) = events(tracker, f"ref = '{VID}'")
    assert (VID, 37.232332, 6.32233223, True, 6, {"ROCK": "ON"}) == (
        event["vid"], event["lat"], event["lon"], event["first"], event["score"], event["params"])


def test_a_json_payload(tracker: TrackerProcess, shell: Shell) -> None:
    body = examples()["JSON Payload Example (Method:POST, Body)"].text
    shell.run(f"curl -skf https://localhost:8443/tr/v1/tr/ -d '{body}'")

    (event,) = events(tracker, "uid = 'admin'")
    assert ("3d0be300-cbd2-11e8-aa59-ffd128a54d91", 34752, False, "cw$", 1) == (
        event["vid"], event["duration"], event["first"], event["sink"], event["score"])
    assert {"type": "a", "aff": "Bespoke", "eid": "cw-a", "created": 1539102052702} == {
        name: value if name in ("type", "aff", "eid") else int(value)
        for name, value in event["params"].items()}


@pytest.mark.parametrize("name", ["Failed Example", "Good Example"])
def test_numbers_and_texts_alike(tracker: TrackerProcess, shell: Shell, name: str) -> None:
    before = len(events(tracker, f"vid = '{PHONE}'"))
    shell.run(examples()[name].text)

    *_, event = found = events(tracker, f"vid = '{PHONE}'")
    assert before + 1 == len(found)
    assert ("native", "1", "filter_results", "own_rooms", 375, 667, "1") == (
        event["app"], event["rel"], event["ename"], event["ptyp"], event["vp_w"], event["vp_h"],
        str(event["params"]["page"]))
    assert "email" not in event["params"]


def test_inside_a_container(tracker: TrackerProcess, shell: Shell) -> None:
    text = examples()["Testing within ECS docker container"].text
    shell.run("\n".join(line for line in text.splitlines() if not line.startswith(("apt", "ps"))))

    vid = "627f7c80-0d7c-11eb-9767-93f1d9c02a9c"
    found = events(tracker, f"vid = '{vid}'")
    assert ["visited_site", ""] == [event["ename"] for event in found]
    assert ["session", "payment"] == [event["etyp"] for event in found]
    assert 35 == float(tracker.value("SELECT revenue FROM sfpla.ltv WHERE uid = {v:String}", v=vid))
    assert 1024 == int(tracker.value("SELECT cflags FROM sfpla.agreements WHERE vid ="
                                     " '5ae3c890-5e55-11ea-9283-4fa18a847130'"))


def test_counting_events(tracker: TrackerProcess, shell: Shell) -> None:
    assert str(len(events(tracker, "1"))) == shell.run(examples()["Unit Tests (2)"].text).strip()


def test_a_client_side_event(shell: Shell) -> None:
    said = shell.run(examples()["1. Track Event (Client-side)"].text)

    assert [["page_view", "view", VID]] * 2 == lines(said)[:2]


def test_a_server_side_event(shell: Shell) -> None:
    said = shell.run(examples()["2. Track Event (Server-side)"].text)

    eid, row = said.split('"')[1:]
    assert 36 == len(eid)
    assert ["server_event", "conversion", VID, OID] == lines(row)[0]


def test_ltv(tracker: TrackerProcess, shell: Shell) -> None:
    single, batch, verify = parts(examples()["3. Track Lifetime Value (LTV)"].text, "# Batch",
                                  "# Verify")
    assert ["99.99"] == revenue(shell, single, verify)
    assert ["174.99"] == revenue(shell, batch, verify)
    assert ["174.99"] == revenue(shell, batch, verify), "sent again, it counts once"
    assert {Decimal("99.99"), 50, 25} == {
        Decimal(str(row["revenue"])) for row in tracker.sql(
            "SELECT revenue FROM sfpla.payments FINAL WHERE uid = 'user-123'")}


def test_ltv_batch(tracker: TrackerProcess, shell: Shell) -> None:
    _, batch, _ = parts(examples()["3. Track Lifetime Value (LTV)"].text, "# Batch", "# Verify")
    shell.run(batch)

    tracker.flush()
    found = tracker.sql("SELECT orid, revenue, currency FROM sfpla.payments FINAL WHERE orid IN"
                        " ('order-124', 'order-125') ORDER BY orid")
    assert [("order-124", 50, "USD"), ("order-125", 25, "USD")] == [
        (row["orid"], float(row["revenue"]), row["currency"]) for row in found]


def revenue(shell: Shell, send: str, verify: str) -> list[str]:
    """What the three queries of the example say of its user, once each."""
    said = lines(shell.run(send + verify))
    rows = [row for row in said if "user-123" in row or VID in row]
    assert [3, 2, 2] == [len(row) for row in rows if len(row) > 1]
    return sorted({row[-1] for row in rows})


def parts(text: str, *marks: str) -> list[str]:
    """The text cut before each mark."""
    found = []
    for mark in marks:
        head, _, tail = text.partition(mark)
        found.append(head)
        text = mark + tail
    return [*found, text]


@pytest.fixture(scope="module")
def account(shell: Shell) -> str:
    """The account of the examples, made first as our README says."""
    shell.run(f"echo password | tracker account add {VID} --scope redirects --scope read")
    return VID


def test_redirects(tracker: TrackerProcess, shell: Shell, account: str) -> None:
    create, listing, follow, verify = parts(
        examples()["4. Redirect/Short URL API"].text, "# Get all", "# Test the", "# Verify")
    made = json.loads(shell.run(create))
    assert ("yourdomain.com", "/short") == (made["hostfrom"], made["slugfrom"])
    short, long = "yourdomain.com/short", "https://example.com/long/path?utm_source=test"
    listed = json.loads(shell.run(listing))["results"]
    assert [long] == [link["urlto"] for link in listed]

    once = "curl -sk -o /dev/null -w '%{http_code} %{redirect_url}'"  # example.com is far away
    assert f"302 {long}" == shell.run(follow.replace("curl -k -L", once))
    assert [[short, long], [short, long, account]] == [
        [cell.removeprefix("https://") if cell.endswith("/short") else cell for cell in line]
        for line in lines(shell.run(verify))]
    (click,) = events(tracker, "ename = 'short_rdr'")
    assert not click["server"]


def test_redirects_of_a_site(shell: Shell, account: str) -> None:
    made = json.loads(shell.run(examples()["Create a Shortened URL"].text))
    assert "/test" == made["slugfrom"]

    said = shell.run(examples()["List Shortened URLs for a site"].text)
    (listed,) = json.loads(said)["results"]
    assert made["urlto"] == listed["urlto"]


def test_privacy(shell: Shell) -> None:
    said = shell.run(examples()["5. Privacy/Agreement API"].text)

    assert VID in said
    assert 2 == said.count(f"{VID}\t1024\tUS\n")


def test_jurisdictions(shell: Shell) -> None:
    said = shell.run(examples()["6. Get Jurisdictions"].text)

    assert "GDPR" in said
    assert "GDPR" in said.splitlines()[-1] or len(lines(said)) >= 10


def test_geoip(shell: Shell) -> None:
    own, google = parts(examples()["7. GeoIP Lookup"].text, "# Get GeoIP for specific IP")

    assert isinstance(json.loads(shell.run(own)), dict)
    assert "US" in json.dumps(json.loads(shell.run(google)))


def test_a_websocket(tracker: TrackerProcess, shell: Shell, tmp_path: Path) -> None:
    """In the console of a browser, on a page of the tracker's own host."""
    text = shell.placed(examples()["8. WebSocket Streaming (LZ4 Compressed)"].text)
    with browsing(tmp_path) as page:
        page.open(shell.placed("https://localhost:8443/ping"))
        page.run(f"{{ {text} }} 0")
        eventually(lambda: len(events(tracker, "ename = 'websocket_event'")) == 1, 20,
                   "the event of the WebSocket lands")

    (event,) = events(tracker, "ename = 'websocket_event'")
    assert (VID, "test", False) == (event["vid"], event["etyp"], event["server"])


def test_message_threads(shell: Shell) -> None:
    said = shell.run(examples()["9. Campaign/Message Thread Updates"].text)

    _, _, rows = said.split('"')
    assert [["thread-123", "campaign-456", "sent", "email"],
            ["thread-123", "Test Email", "Email body content"],
            ["thread-123", "sent"]] == lines(rows)


def test_health(shell: Shell) -> None:
    said = shell.run(examples()["10. Health & Metrics Endpoints"].text)

    assert '"status"' in said
    assert "# TYPE tracker_" in said


def test_batch(shell: Shell) -> None:
    said = shell.run(examples()["11. Batch Testing - High Volume"].text)

    ((total, etyp),) = lines(said)
    assert ("test", True) == (etyp, int(total) >= 100)


def test_e2e(tracker: TrackerProcess, shell: Shell) -> None:
    said = shell.run(examples()["12. Complete End-to-End Test"].text)

    assert "Events:\npage_view\tview\nsignup\tconversion\n\tpayment\n" in said
    assert "LTV:\n149.99\n" in said
    assert "Agreements:\n1024\n" in said


def test_params_are_typed(tracker: TrackerProcess, shell: Shell) -> None:
    tracker.post({"vid": "v", "params": {"go": 6}})
    tracker.post({"vid": "v", "params": {"go": "six"}})
    tracker.flush()
    query = examples()["Querying the database"].text

    assert [["Int64", '{"go":6}', "6"]] == lines(shell.run(f'clickhouse client --query "{query}"'))


def test_other_tools_ask_over_http(tracker: TrackerProcess) -> None:
    """What DuckDB's ch_scan asks: a GET with the format in the URL."""
    assert "ch_scan" in examples()["Querying the database (2)"].text
    path = "/?query=SELECT+number*2+FROM+numbers(10)&default_format=Parquet"
    connection = http.client.HTTPConnection("127.0.0.1", tracker.query_port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()

    assert (200, b"PAR1") == (answer.status, answer.read()[:4])
    connection.close()


def test_cleaning_up_names_our_own_way(shell: Shell, tracker: TrackerProcess) -> None:
    """The engine is the tracker's own: it is dropped and made by `tracker schema`."""
    drop = examples()["Cleaning up the database"].text.splitlines()[0]

    said = shell.run(f"{drop} 2>&1", status=1)
    assert "tracker schema drop" in said
