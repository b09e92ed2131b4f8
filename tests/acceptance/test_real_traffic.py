"""Real traffic, sent or imported, gives the totals counted without us, in both stores."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.importing import run_import
from harness.process import TrackerProcess, eventually, running
from harness.traffic import FOLDER, LOG, require_traffic, send, truth

Rows = list[tuple[Any, ...]]
Ask = Callable[[str], Rows]

CLICKHOUSE = {"day": "formatDateTime(created_at, '%Y-%m-%d')",
              "hour": "formatDateTime(created_at, '%Y-%m-%dT%H')",
              "status": "params.status", "method": "params.method",
              "bytes": "toInt64(params.bytes)", "events": "sfpla.events"}
DUCKDB = {"day": "strftime(created_at, '%Y-%m-%d')",
          "hour": "strftime(created_at, '%Y-%m-%dT%H')",
          "status": "params->>'status'", "method": "params->>'method'",
          "bytes": "CAST(params->>'bytes' AS BIGINT)", "events": "events"}
PATH = "regexp_extract(url, '^//[^/]*(/.*)$', 1)"
REFERRER = "regexp_extract(last, '^//([^/:?#]*)', 1)"
OWN = f"({REFERRER} = 'semicomplete.com' OR {REFERRER} LIKE '%.semicomplete.com')"


@pytest.fixture(scope="module", params=["mixed", "json", "rest"])
def asks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[
        dict[str, Ask]]:
    """One question per store, once all traffic was sent in one mode."""
    require_traffic()
    folder = tmp_path_factory.mktemp(request.param)
    with running(folder, CreatedPastSeconds=0, TrustedProxies=["127.0.0.0/8"],
                 UseRemoveIP=False,
                 Notify=[{"Service": "chdb"}, {"Service": "duckdb"}]) as tracker:
        sent = send(tracker.url, request.param)
        assert {"200": 7000} == sent["answers"]
        tracker.flush()
        yield {"chdb": _clickhouse(tracker), "duckdb": _duckdb(tracker)}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ask]]:
    """The same, once the log was imported: in two halves, packed, and again."""
    require_traffic()
    folder = tmp_path_factory.mktemp("import")
    with running(folder, UseRemoveIP=False,
                 Notify=[{"Service": "chdb"}, {"Service": "duckdb"}]) as tracker:
        lines = gzip.decompress((FOLDER / LOG).read_bytes()).splitlines(keepends=True)
        half = folder / "access.log"
        half.write_bytes(b"".join(lines[:3500]))
        for path in (half, FOLDER / LOG, half, FOLDER / LOG):
            run_import(tracker, "--host", "semicomplete.com", str(path))
        tracker.flush()
        yield {"chdb": _clickhouse(tracker), "duckdb": _duckdb(tracker)}


def _clickhouse(tracker: TrackerProcess) -> Ask:
    def ask(query: str) -> Rows:
        return [tuple(row.values()) for row in tracker.sql(query.format(**CLICKHOUSE))]
    return ask


def _duckdb(tracker: TrackerProcess) -> Ask:
    """The file is read once the tracker has let go of it; the embedded store is not asked then."""
    found: list[Any] = []

    def ask(query: str) -> Rows:
        if not found:
            eventually(lambda: tracker.health()["stores"]["duckdb"]["lag_events"] == 0, 60,
                       "duckdb has landed all")
            copy = tracker.folder / "copy.duckdb"
            _copy_when_closed(tracker, copy)
            found.append(duckdb.connect(str(copy), read_only=True))
        return list(found[0].execute(query.format(**DUCKDB)).fetchall())
    return ask


def _copy_when_closed(tracker: TrackerProcess, copy: Path) -> None:
    assert 0 == tracker.stop()
    copy.write_bytes((tracker.data / "duckdb" / "sfpla.duckdb").read_bytes())
    tracker.start()


def counts(rows: Rows) -> dict[str, int]:
    return {str(key): int(count) for key, count in rows}


@pytest.mark.server
@pytest.mark.parametrize("store", ["chdb", "duckdb"])
@pytest.mark.timeout(400)
def test_the_totals_of_real_traffic_are_those_counted_without_us(
    asks: dict[str, Ask], store: str,
) -> None:
    want = truth()
    check_events(asks[store], want, store)
    assert {k: v for k, v in want["os"].items() if k != "none"} == {
        k: v for k, v in counts(asks[store](
            "SELECT os AS k, count(*) AS n FROM {events} GROUP BY k")).items() if k in want["os"]}


@pytest.mark.server
@pytest.mark.parametrize("store", ["chdb", "duckdb"])
@pytest.mark.timeout(400)
def test_the_totals_of_an_imported_log_are_those_counted_without_us(
    imported: dict[str, Ask], store: str,
) -> None:
    check_events(imported[store], truth(), store)
    lines = counts(imported[store]({
        "chdb": "SELECT toInt64(params.line) AS k, count(*) AS n FROM {events} GROUP BY k",
        "duckdb": "SELECT CAST(params->>'line' AS BIGINT) AS k, count(*) AS n FROM {events}"
                  " GROUP BY k"}[store]))
    assert {str(line): 1 for line in range(1, 7001)} == lines


def check_events(ask: Ask, want: dict[str, Any], store: str) -> None:
    """What was counted of visitors, visits, pages, referrers and clients."""

    def one(query: str) -> int:
        return int(ask(query)[0][0])

    def by(key: str, where: str = "1 = 1", what: str = "count(*)") -> dict[str, int]:
        return counts(ask(f"SELECT {key} AS k, {what} AS n FROM {{events}}"
                          f" WHERE {where} GROUP BY k"))

    assert want["hits"] == one("SELECT count(*) FROM {events}")
    assert want["unique_visitors"] == one("SELECT count(DISTINCT vid) FROM {events}")
    assert want["unique_visitors"] == one("SELECT count(*) FROM {events} WHERE first")
    assert want["unique_visitors_with_a_page_view"] == one(
        "SELECT count(DISTINCT vid) FROM {events} WHERE etyp = 'view'")
    assert want["sessions"] == one("SELECT count(DISTINCT sid) FROM {events}")
    sizes = "(SELECT sid, count(*) AS n FROM {events} GROUP BY sid) AS t"
    assert want["sessions_of_one_hit"] == one(f"SELECT count(*) FROM {sizes} WHERE n = 1")
    assert want["longest_session_hits"] == one(f"SELECT max(n) FROM {sizes}")
    assert want["hits_per_day_utc"] == by("{day}")
    assert want["hits_per_hour_utc"] == by("{hour}")
    assert want["unique_visitors_per_day_utc"] == by("{day}", what="count(DISTINCT vid)")
    starts = "(SELECT sid, min(created_at) AS created_at FROM {events} GROUP BY sid) AS t"
    assert want["sessions_started_per_day_utc"] == counts(
        ask(f"SELECT {{day}} AS k, count(*) AS n FROM {starts} GROUP BY k"))
    assert want["status"] == by("{status}")
    assert want["methods"] == by("{method}")
    assert want["bytes_total"] == one("SELECT sum({bytes}) FROM {events}")
    assert want["kinds"] == by("etyp")
    views = want["page_views"]
    assert views["total"] == one("SELECT count(*) FROM {events} WHERE ename = 'viewed_page'")
    assert views["per_day_utc"] == by("{day}", "etyp = 'view'")
    view_paths = by(PATH, "etyp = 'view'")
    assert views["distinct_paths"] == len(view_paths)
    assert dict(views["top20_paths"]) == {k: view_paths[k] for k, _ in views["top20_paths"]}
    paths = by(PATH)
    assert want["pages"]["distinct_paths"] == len(paths)
    assert dict(want["pages"]["top20_paths"]) == {
        k: paths[k] for k, _ in want["pages"]["top20_paths"]}
    assert want["pages"]["distinct_lower_paths"] == len({path.lower() for path in paths})
    assert want["referrers"]["kinds"] == {
        "none": one("SELECT count(*) FROM {events} WHERE last = ''"),
        "own site": one(f"SELECT count(*) FROM {{events}} WHERE {OWN}"),
        "other site": one(f"SELECT count(*) FROM {{events}} WHERE last <> '' AND NOT {OWN}")}
    hosts = by(REFERRER, f"last <> '' AND NOT {OWN}")
    assert want["referrers"]["distinct_other_hosts"] == len(hosts)
    assert dict(want["referrers"]["top20_other_hosts"]) == {
        k: hosts[k] for k, _ in want["referrers"]["top20_other_hosts"]}
    assert dict(want["utm_source"]) == by("source", "source <> ''")
    addresses = by("ip")
    assert want["unique_hosts"] == len(addresses)
    assert dict(want["top10_hosts"]) == {k: addresses[k] for k, _ in want["top10_hosts"]}
    assert want["unique_user_agents"] == one("SELECT count(DISTINCT agent) FROM {events}")
    check_derived(one, want, store)


def check_derived(one: Callable[[str], int], want: dict[str, Any], store: str) -> None:
    """The tables that follow from events agree with them."""
    names = "sfpla." if store == "chdb" else ""
    for table in ("hits", "ips", "reqs", "dailies"):
        assert want["hits"] == one(f"SELECT sum(total) FROM {names}{table}"), table
    assert want["hits"] - want["referrers"]["kinds"]["none"] == one(
        f"SELECT sum(total) FROM {names}referrers")
    silent = dict(want["top10_user_agents"])["-"]
    assert want["hits"] - silent == one(f"SELECT sum(total) FROM {names}browsers")
    assert want["unique_visitors"] == one(f"SELECT count(*) FROM {names}visitors")
    assert want["sessions"] == one(f"SELECT count(*) FROM {names}sessions")
