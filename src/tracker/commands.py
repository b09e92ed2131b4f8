"""What each command of `tracker` does; drivers and servers are imported only where needed."""

import argparse
import io
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from tracker.alone import InUse, alone
from tracker.config import load, prepare
from tracker.config.check import notes, refusals, report
from tracker.errors import ConfigError, StoreUnavailable
from tracker.settings import Settings

if TYPE_CHECKING:
    from tracker.batches.deadletters import DeadLetters
    from tracker.schema.verify import Object
    from tracker.stores.statements import Statements


def serve(parsed: argparse.Namespace) -> int:
    """Run until stopped."""
    if parsed.prune:
        raise ConfigError("--prune: not in this version; no data was removed")
    settings = prepare(load(parsed.config, os.environ))
    parsed.debug = parsed.debug or settings.debug
    for note in notes(settings):
        print(f"tracker: {note}", file=sys.stderr)
    from tracker.supervisor import run

    return run(settings)


def check(parsed: argparse.Namespace) -> int:
    """Say what a start would do; 1 when it would be refused."""
    settings = load(parsed.config, os.environ)
    print(report(settings))
    return 1 if refusals(settings) else 0


def status(parsed: argparse.Namespace) -> int:
    """Say how a running tracker is."""
    from tracker.status import ask, describe, health_url

    url = parsed.url or health_url(load(parsed.config, os.environ))
    health = ask(url)
    if health is None:
        print(f"tracker: nothing answers at {url}: start it with `tracker config.json`",
              file=sys.stderr)
        return 2
    print("\n".join(describe(health)))
    return 0 if health.get("status") == "ok" else 1


def sql(parsed: argparse.Namespace) -> int:
    """Ask a running tracker by its query port."""
    settings = load(parsed.config, os.environ)
    statements = sys.stdin.read() if parsed.statements is None else parsed.statements
    params = dict(_parameter(text) for text in parsed.param)
    store = _store(parsed.store, settings)
    if parsed.output is None:
        return _ask(parsed, settings, statements, params, sys.stdout, store)
    if parsed.format is None:
        parsed.format = parsed.output.suffix.removeprefix(".").lower()
    part = parsed.output.with_name(f"{parsed.output.name}.part")
    try:
        with part.open("wb") as out:
            code = _ask(parsed, settings, statements, params, out, store)
        if code == 0:
            part.replace(parsed.output)
    except OSError as error:
        raise ConfigError(f"--output {parsed.output}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return code


def client(parsed: argparse.Namespace) -> int:
    """Ask as `clickhouse client` does; what it takes over HTTP."""
    settings = load(parsed.config, os.environ)
    if parsed.user != "default":
        raise ConfigError(f"--user {parsed.user}: the user is `default`, the password that of"
                          " QueryPassword")
    statements = ";\n".join(parsed.query) if parsed.query else sys.stdin.read()
    params = dict(_parameter(text) for text in parsed.param)
    return _ask(parsed, settings, statements, params, sys.stdout, "", parsed.database)


def _ask(parsed: argparse.Namespace, settings: Settings, statements: str,
         params: Mapping[str, str], out: TextIO | IO[bytes], store: str,
         database: str | None = None) -> int:
    query = settings.query
    port = parsed.port or query.port
    if port is None:
        raise ConfigError("QueryPort is off in the config; give it an address, or name --port")
    if port == 0:
        raise ConfigError("QueryPort is 0, so a start picks a free port and prints it; name it with"
                          " --port")
    from tracker.schema.clickhouse import DATABASE
    from tracker.sqlclient import run_sql

    return run_sql(parsed.host or query.host, port, parsed.password or query.password,
                   statements, parsed.format, out, params, store, database or DATABASE)


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
    from tracker.batches.deadletters import DeadLetters

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


def import_(parsed: argparse.Namespace) -> int:
    """Bring in logs and exports, each line once."""
    settings = prepare(load(parsed.config, os.environ))
    from tracker.importing.command import Options, run

    return run(Options(tuple(parsed.files), parsed.format, parsed.host, parsed.oid,
                       parsed.ip == "log", parsed.from_line, parsed.dry_run),
               settings, sys.stdout)


def _list_letters(dead: "DeadLetters") -> None:
    from tracker.batches.replay import summaries

    for summary in summaries(dead):
        reasons = ", ".join(f"{reason}: {count}" for reason, count in summary.reasons.items())
        print(f"batch {summary.batch}: {reasons}")
    for name, refused in dead.refusals():
        print(f"{name}: refused by {refused.store}: {refused.reason}")


def _show_letters(dead: "DeadLetters", batch: int) -> None:
    from tracker.batches.replay import described

    for letter in described(dead, batch):
        print(json.dumps(letter, ensure_ascii=False))


def _send_again(dead: "DeadLetters", batches: list[int] | None, settings: Settings) -> None:
    from tracker.batches.replay import replay as send_again
    from tracker.batches.replay import summaries

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
    from tracker.delivery.again import land_again

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
    from tracker.schema import migrations
    from tracker.schema.verify import verify
    from tracker.stores.statements import Statements

    settings = load(parsed.config, os.environ)
    data = settings.data_directory
    try:
        with alone(data), Statements(data / "chdb") as database:
            match parsed.action:
                case "show":
                    print(migrations.show(database))
                case "verify":
                    return _verify(verify(database))
                case "drop":
                    return _drop(database, data, sure=parsed.yes)
                case _:
                    done = migrations.apply(database)
                    print("\n".join(done) if done else "it is up to date")
    except InUse:
        if parsed.action != "verify":
            raise
        return _verify(verify(_Asked(parsed, settings), all_of_it=False))
    return 0


class _Asked:
    """A running tracker's database, for verifying."""

    def __init__(self, parsed: argparse.Namespace, settings: Settings) -> None:
        parsed.host = parsed.port = parsed.password = None
        parsed.format = "JSONEachRow"
        self._parsed, self._settings = parsed, settings

    def rows(self, query: str) -> list[dict[str, object]]:
        """Run a query; its rows by column name."""
        out = io.BytesIO()
        if _ask(self._parsed, self._settings, query, {}, out, ""):
            raise StoreUnavailable("the running tracker does not answer; see above")
        return [json.loads(line) for line in out.getvalue().splitlines()]


def _verify(found: "list[Object]") -> int:
    """List every object of the database, and what differs from what it should be."""
    for line in found:
        print(line)
    wrong = sum(not line.right for line in found)
    print(f"{len(found)} objects, {wrong} of them not as declared" if wrong
          else f"{len(found)} objects, all as declared")
    return 1 if wrong else 0


def _drop(database: "Statements", data: Path, *, sure: bool) -> int:
    """Remove the database; what was not landed yet stays where it is and lands after a start."""
    from tracker.schema.clickhouse import DATABASE

    if not sure:
        print(f"This removes the database {DATABASE} in {data / 'chdb'}, with all its rows."
              f" Type {DATABASE} to go on: ", end="", flush=True)
        if sys.stdin.readline().strip() != DATABASE:
            print("nothing was removed")
            return 1
    database.execute(f"DROP DATABASE IF EXISTS {DATABASE} SYNC")
    print(f"{DATABASE} is removed; `tracker schema apply`, or the next start, makes it anew")
    return 0


def account(parsed: argparse.Namespace) -> int:
    """Add, list and change accounts and keys."""
    from tracker.accountwork import account as work

    return work(parsed, load(parsed.config, os.environ))


def _ddl(store: str) -> list[str]:
    if store == "duckdb":
        from tracker.schema import duckdb

        return duckdb.ddl()
    from tracker.schema import clickhouse

    return clickhouse.ddl()
