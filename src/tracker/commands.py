"""What each command of `tracker` does; drivers and servers are imported only where needed."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tracker.alone import alone
from tracker.config import load, prepare
from tracker.config.check import notes, refusals, report
from tracker.errors import ConfigError
from tracker.settings import Settings

if TYPE_CHECKING:
    from tracker.batches.deadletters import DeadLetters


def serve(parsed: argparse.Namespace) -> int:
    """Run until stopped."""
    if parsed.prune:
        raise ConfigError("--prune: not in this version; no data was removed")
    settings = prepare(load(parsed.config, os.environ))
    parsed.debug = parsed.debug or settings.debug
    for note in notes(settings):
        print(f"tracker: {note}", file=sys.stderr)
    from tracker.supervisor import run  # noqa: PLC0415 - `tracker --help` need not load a server

    return run(settings)


def check(parsed: argparse.Namespace) -> int:
    """Say what a start would do; 1 when it would be refused."""
    settings = load(parsed.config, os.environ)
    print(report(settings))
    return 1 if refusals(settings) else 0


def sql(parsed: argparse.Namespace) -> int:
    """Ask a running tracker by its query port."""
    settings = load(parsed.config, os.environ)
    query = settings.query
    port = parsed.port or query.port
    if port is None:
        raise ConfigError("QueryPort is off in the config; give it an address, or name --port")
    statements = sys.stdin.read() if parsed.statements is None else parsed.statements
    params = dict(_parameter(text) for text in parsed.param)
    from tracker.schema.clickhouse import DATABASE  # noqa: PLC0415 - as above
    from tracker.sqlclient import run_sql  # noqa: PLC0415

    store = _store(parsed.store, settings)
    return run_sql(parsed.host or query.host, port, parsed.password or query.password,
                   statements, parsed.format, sys.stdout, params, store, DATABASE)


def _store(name: str | None, settings: Settings) -> str:
    """The store to ask, where it is not the embedded engine."""
    services = {store.name: store.service for store in settings.stores}
    if name is None:
        return "" if "chdb" in services.values() else next(iter(services))
    return "" if services.get(name, name) == "chdb" else name


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigError(f"--param {text}: write NAME=VALUE")
    return name, value


def replay(parsed: argparse.Namespace) -> int:
    """List, show and send again what was set aside; or land kept batches again."""
    settings = load(parsed.config, os.environ)
    if parsed.store is not None or parsed.since is not None:
        return _land_again(parsed, settings)
    from tracker.batches.deadletters import DeadLetters  # noqa: PLC0415 - as above

    dead = DeadLetters(settings.data_directory / "dead")
    match parsed.what:
        case [] | ["list"]:
            _list_letters(dead)
        case ["show", batch]:
            _show_letters(dead, _number(batch))
        case ["all"]:
            _send_again(dead, None, settings)
        case numbers:
            _send_again(dead, [_number(text) for text in numbers], settings)
    return 0


def _list_letters(dead: "DeadLetters") -> None:
    from tracker.batches.replay import summaries  # noqa: PLC0415

    for summary in summaries(dead):
        reasons = ", ".join(f"{reason}: {count}" for reason, count in summary.reasons.items())
        print(f"batch {summary.batch}: {reasons}")
    for name, refused in dead.refusals():
        print(f"{name}: refused by {refused.store}: {refused.reason}")


def _show_letters(dead: "DeadLetters", batch: int) -> None:
    from tracker.batches.replay import described  # noqa: PLC0415

    for letter in described(dead, batch):
        print(json.dumps(letter, ensure_ascii=False))


def _send_again(dead: "DeadLetters", batches: list[int] | None, settings: Settings) -> None:
    from tracker.batches.replay import replay as send_again  # noqa: PLC0415
    from tracker.batches.replay import summaries  # noqa: PLC0415

    chosen = [summary.batch for summary in summaries(dead)] if batches is None else batches
    count = send_again(dead, chosen, settings.data_directory / "spool", settings.spool)
    print(f"events on their way again: {count}")


def _land_again(parsed: argparse.Namespace, settings: Settings) -> int:
    if parsed.what or parsed.store is None or parsed.since is None:
        raise ConfigError("replay: --store NAME and --since TIME go together, and alone")
    names = [store.name for store in settings.stores]
    if parsed.store not in names:
        raise ConfigError(f'--store: "{parsed.store}" is none of this config: {", ".join(names)}')
    try:
        since = datetime.fromisoformat(parsed.since)
    except ValueError:
        raise ConfigError(f"--since {parsed.since}: write 2026-01-31T00:00:00Z") from None
    since = since.replace(tzinfo=UTC) if since.tzinfo is None else since
    from tracker.delivery.again import land_again  # noqa: PLC0415 - as above

    count = land_again(settings.data_directory, parsed.store, since)
    print(f"batches that the next start lands in {parsed.store} again: {count}")
    return 0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f'replay: "{text}" is no batch; see `tracker replay --help`')
    return int(text)


def schema(parsed: argparse.Namespace) -> int:
    """Print the statements, show what was applied, or bring a database up to date."""
    if parsed.action == "ddl":
        print(";\n\n".join(_ddl(parsed.store)) + ";")
        return 0
    if parsed.store == "duckdb":
        raise ConfigError("schema: a DuckDB file is brought up to date whenever it is opened;"
                          " `tracker schema ddl --store duckdb` prints its tables")
    from tracker.schema import migrations  # noqa: PLC0415 - as above
    from tracker.stores.statements import Statements  # noqa: PLC0415

    data = load(parsed.config, os.environ).data_directory
    with alone(data), Statements(data / "chdb") as database:
        if parsed.action == "show":
            print(migrations.show(database))
        else:
            done = migrations.apply(database)
            print("\n".join(done) if done else "it is up to date")
    return 0


def account(parsed: argparse.Namespace) -> int:
    """Add, list and change accounts and keys."""
    from tracker.accountwork import account as work  # noqa: PLC0415 - as above

    return work(parsed, load(parsed.config, os.environ))


def _ddl(store: str) -> list[str]:
    if store == "duckdb":
        from tracker.schema import duckdb  # noqa: PLC0415

        return duckdb.ddl()
    from tracker.schema import clickhouse  # noqa: PLC0415

    return clickhouse.ddl()
