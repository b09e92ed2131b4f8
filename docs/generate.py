"""Fills in what the pages say of routes, keys, tables, metrics, commands, errors and bounds.

    python docs/generate.py           write the pages
    python docs/generate.py --check   1 when a page is not what the code says

A page holds pairs of marks; what stands between them is made here, the rest is written by hand.
"""

import argparse
import ast
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import api
from bounds import bounds
from meanings import DROPS, ERRORS, REASONS

from tracker import cli, metrics
from tracker.batches.account import IMPORT_GAP, NOT_A_HIT, REFINE_FAILED
from tracker.columns import BATCH_COLUMNS, Column, From
from tracker.config.keys import (
    CONSENT_KEYS,
    CURRENCY_KEYS,
    KEYS,
    SERVICE_KEYS,
    SPOOL_KEYS,
    Key,
    Status,
)
from tracker.query.failure import NAMES, QueryFailed
from tracker.refine.refined import Drop, Reason
from tracker.routes import SOURCES
from tracker.schema import clickhouse, duckdb
from tracker.schema.table import Keep, Table
from tracker.schema.tables import DERIVED, TABLES, VIEWS
from tracker.web.exposition import Exposition

PAGES = Path(__file__).parent
SOURCE = Path(cli.__file__).parent
MARKED = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)

# Markdown.

def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars within cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n"
                   for line in lines)


def code(text: object) -> str:
    """Text as code, nothing for nothing."""
    return f"`{text}`" if text not in ("", None) else ""


# Routes.

def tracking_routes() -> str:
    """The tracking routes."""
    found = list(api.paths("client-side events", "server-side events"))
    return table(("Path", "Counts as", "Answers"), (
        (code(path.rstrip("/") + "/"), at["post"]["tags"][0].partition(" ")[0], at["summary"])
        for path, at in found)) + f"\nMethods: {api.methods_of(found[0][1])}.\n"


def sources() -> str:
    """Where values stand in a request."""
    return "".join(f"1. **{name}**: {about}.\n" for name, about in SOURCES)


def pages() -> str:
    """The other paths."""
    return table(("Path", "Methods", "Answers"), (
        (code(path), api.methods_of(at), at["get"]["summary"])
        for path, at in api.paths("pages", "privacy")))


def link_pages() -> str:
    """What is done at the paths for short URLs."""
    return table(("Path", "Method", "Does", "Statuses"), (
        (code(path), *operation) for path, at in api.paths("short links")
        for operation in api.operations_of(at)))


def server_pages() -> str:
    """The paths for what services send."""
    return table(("Path", "Takes"), (
        (code(path), at["post"]["summary"]) for path, at in api.paths("server messages")))


# Config.

def default_of(key: Key) -> str:
    """A default as JSON; large numbers of bytes also in units."""
    if key.default is None or key.default == ():
        return ""
    if isinstance(key.default, int) and key.default >= 1 << 20 and key.default % (1 << 20) == 0:
        return f"`{key.default}` ({key.default >> 20} MiB)"
    number = key.default
    plain = int(number) if isinstance(number, float) and number.is_integer() else number
    return code(json.dumps(plain))


def keys_of(keys: Sequence[Key], *statuses: Status) -> str:
    """Keys of some statuses."""
    return table(("Key", "Takes", "Default", "Meaning", ""), (
        (code(key.name), key.form.value, default_of(key), key.about,
         "added" if key.status is Status.OURS else "")
        for key in keys if key.status in statuses))


def names_of(status: Status) -> str:
    """Keys without effect, with what they are about."""
    heads = {Status.LATER: "What it is for in the original", Status.RETIRED: "Instead"}
    rows = [(code(where + key.name), key.about)
            for where, keys in (("", KEYS), ("Notify[].", SERVICE_KEYS))
            for key in keys if key.status is status]
    return table(("Key", heads[status]), rows)


# Tables.

def event_columns() -> str:
    """The columns of events, with the keys that fill each."""
    events = TABLES[0]
    rows = [(code(column.name), _filled_by(column), code(clickhouse.type_of(column)),
             column.about + (" *Personal.*" if column.personal else ""))
            for column in events.columns]
    rows += [(code(alias.name), "worked out when read; not in `SELECT *`, not in DuckDB",
              "`String`", alias.about) for alias in events.aliases]
    return table(("Column", "Filled by", "ClickHouse type", "Meaning"), rows)


def _filled_by(column: Column) -> str:
    if column.source is From.CLIENT:
        return ", ".join(map(code, (column.name, *column.keys)))
    if column.source is From.REFINE and column.keys:
        return ", ".join(map(code, column.keys))
    return "the tracker"


def private_columns() -> str:
    """Columns of batches that events does not have."""
    events = set(TABLES[0].names)
    return table(("Column", "Meaning"), (
        (code(column.name), column.about) for column in BATCH_COLUMNS
        if column.name not in events))


def types() -> str:
    """The types of both dialects."""
    seen: dict[str, str] = {}
    for made in TABLES:
        declared = duckdb.create_table(made).splitlines()[2:-1]
        for column, line in zip(made.columns, declared, strict=True):
            kind = line.strip().rstrip(",").split(" ", 1)[1].partition(" DEFAULT")[0]
            seen[clickhouse.type_of(column)] = kind
    return table(("ClickHouse", "DuckDB"), ((code(one), code(other))
                                            for one, other in sorted(seen.items())))


_KEEPS = {Keep.ALL: "every row", Keep.NEWEST: "the newest row per key (`FINAL` shows it)",
          Keep.SUM: "sums per key (read them with `sum(…)`)"}


def one_table(made: Table) -> Iterator[str]:
    """One table with its columns."""
    yield f"### `{made.name}`\n\n{made.about}\n\n"
    yield f"Keeps {_KEEPS[made.keep]}. Key: {', '.join(map(code, made.order))}."
    yield f" One partition per month of `{made.month}`.\n\n" if made.month else "\n\n"
    yield table(("Column", "ClickHouse type", "Meaning"), (
        (code(column.name), code(clickhouse.type_of(column)),
         column.about + (" *Personal.*" if column.personal else "")) for column in made.columns))
    yield "\n"


def derived_tables() -> str:
    """Tables fed from events."""
    made = dict.fromkeys(derived.table for derived in DERIVED)
    return "".join("".join(one_table(table)) for table in made)


def other_tables() -> str:
    """Tables besides events."""
    return "".join("".join(one_table(made)) for made in TABLES[1:])


def views() -> str:
    """Views."""
    return table(("View", "Reads", "Shows"), (
        (code(view.name), code(view.source), view.about) for view in VIEWS))


# Metrics.

def exposition() -> Exposition:
    """The exposition of a tracker in which everything has happened once."""
    stamp = metrics.Stamp("w0", 1, 1, "0", 0.0, 0.0)
    door = metrics.DoorCounts(requests={"tr 200": 1})
    spool = metrics.SpoolCounts()
    edge = metrics.EdgeSnapshot(stamp, metrics.EdgeCounts(door, spool))
    landing = metrics.LandingCounts(stores={"chdb": metrics.StoreCounts()})
    account = metrics.Accounting(landed={"chdb": 1}, filtered={Drop.ACCOUNT: 1},
                                 quarantined={Reason.NOT_JSON: 1})
    store = metrics.StoreSnapshot(stamp, landing, account, {"chdb": metrics.StoreState(True)})
    return Exposition([edge], store, ["chdb"], 0.0,
                      metrics.QuerySnapshot(stamp, metrics.QueryCounts()))


def all_metrics() -> str:
    """Every metric."""
    endings = {"counter": "_total", "info": "_info"}
    return table(("Metric", "Type", "Labels", "Meaning"), (
        (code(family.name + endings.get(family.type, "")), family.type,
         ", ".join(code(label) for label in _labels(family)), family.documentation)
        for family in exposition().collect()))


def _labels(family: Any) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels} - {"le"})


# Commands.

def commands() -> str:
    """What --help prints, of the whole and of each command."""
    os.environ["COLUMNS"] = "88"
    whole = cli.parser()
    action = next(action for action in whole._actions
                  if isinstance(action, argparse._SubParsersAction))
    parts = [("tracker", whole), *((f"tracker {name}", action.choices[name])
                                   for name in cli.NAMES)]
    return "\n".join(f"## `{name}`\n\n```text\n{parser.format_help()}```\n"
                     for name, parser in parts)


# Errors.

def codes_in_code() -> dict[str, set[int]]:
    """Each code that an answer may carry, with its statuses, as the source has them."""
    found: dict[str, set[int]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for status, name in _codes(node):
                found.setdefault(name, set()).add(status)
    return found


_REFUSING = {"RequestRefused", "error_answer", "_refuse"}


def _codes(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls that name a status and a code, events' faults (400), and the pages' table of texts."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else (
            node.func.id if isinstance(node.func, ast.Name) else "")
        match [_constant(argument) for argument in node.args[:2]]:
            case [int(status), str(name)] if called in _REFUSING:
                yield status, name
            case [str(name), *_] if called == "Fault":
                yield 400, name
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            match _constant(key), value:
                case int(status), ast.Tuple(elts=[ast.Constant(value=str(name)), *_]):
                    yield status, name


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def error_codes() -> str:
    """Every code with its statuses and its meaning."""
    found = codes_in_code() | {"http_error": set()}
    if set(found) != set(ERRORS):
        raise SystemExit(f"docs/generate.py: ERRORS and the code differ in"
                         f" {sorted(set(found) ^ set(ERRORS))}")
    told = api.codes()
    if set(told) | api.ELSEWHERE != set(ERRORS):
        raise SystemExit(f"docs/generate.py: ERRORS and the API's description differ in"
                         f" {sorted((set(told) | api.ELSEWHERE) ^ set(ERRORS))}")
    if wrong := [name for name in told if found[name] and not told[name] <= found[name]]:
        raise SystemExit(f"docs/generate.py: the code has other statuses for {wrong}")
    return table(("Code", "Status", "Meaning"), (
        (code(name), ", ".join(map(str, sorted(found[name]))) or "4xx", ERRORS[name])
        for name in sorted(ERRORS)))


def query_errors() -> str:
    """The query endpoint's own errors."""
    return table(("Code", "Name", "Status"), (
        (str(number), code(name), str(QueryFailed(number, "").status))
        for number, name in sorted(NAMES.items())))


def reasons() -> str:
    """Reasons of dead letters."""
    known = {NOT_A_HIT, REFINE_FAILED, *Reason}
    if known != set(REASONS):
        raise SystemExit("docs/generate.py: REASONS and the code differ")
    return table(("Reason", "Meaning"), ((code(str(name)), says) for name, says in REASONS.items()))


def drops() -> str:
    """Reasons of filtered events."""
    if {IMPORT_GAP, *Drop} != set(DROPS):
        raise SystemExit("docs/generate.py: DROPS and the code differ")
    return table(("Reason", "Meaning"), ((code(str(name)), says) for name, says in DROPS.items()))


BLOCKS: dict[str, Callable[[], str]] = {
    "tracking-routes": tracking_routes, "sources": sources, "pages": pages,
    "link-pages": link_pages, "server-pages": server_pages,
    "config": lambda: keys_of(KEYS, Status.OURS, Status.ORIGINAL),
    "config-consent": lambda: keys_of(CONSENT_KEYS, Status.OURS),
    "config-currency": lambda: keys_of(CURRENCY_KEYS, Status.OURS),
    "config-spool": lambda: keys_of(SPOOL_KEYS, Status.OURS, Status.ORIGINAL),
    "config-service": lambda: keys_of(SERVICE_KEYS, Status.OURS, Status.ORIGINAL),
    "config-later": lambda: names_of(Status.LATER),
    "config-retired": lambda: names_of(Status.RETIRED),
    "event-columns": event_columns, "private-columns": private_columns,
    "derived-tables": derived_tables, "other-tables": other_tables,
    "types": types, "views": views,
    "metrics": all_metrics, "commands": commands,
    "bounds": lambda: table(("What", "Most"), bounds()),
    "errors": error_codes, "query-errors": query_errors, "reasons": reasons, "drops": drops,
}


def filled(page: str) -> str:
    """A page with every block made anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def main() -> int:
    """Write or check all pages."""
    check = "--check" in sys.argv[1:]
    stale = []
    unused = set(BLOCKS)
    for path in sorted(PAGES.rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        unused -= {name for _, name, _ in MARKED.findall(before)}
        after = filled(before)
        if before != after:
            stale.append(path.name)
            if not check:
                path.write_text(after, encoding="utf-8")
    if unused:
        print(f"on no page: {', '.join(sorted(unused))}")
        return 1
    if stale:
        print(f"{'not what the code says' if check else 'written'}: {', '.join(stale)}"
              + ("; run `make docs`" if check else ""))
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
