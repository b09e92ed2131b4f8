"""The `tracker` command: what each sub-command takes, and its exit code."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tracker import __version__, commands
from tracker.errors import TrackerError
from tracker.registry.calls import ACCOUNT_ACTIONS, SCOPES

Command = Callable[[argparse.Namespace], int]

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

NAMES = ("serve", "check", "status", "sql", "client", "import", "replay", "schema", "account")

_ABOUT = """Self-hosted user telemetry: events in, nothing lost, answers out.

`tracker config.json` is `tracker serve config.json`; without a file it takes config.json
here if there is one, else the defaults."""

_EXAMPLES = {
    "": """examples:
  tracker config.json                     start with a config file
  tracker check config.json               say what a start would do, and why it would not
  tracker sql "SELECT count() FROM events"
  tracker replay list                     events that could not be understood""",
    "serve": """examples:
  tracker serve                           all defaults, or the config.json here
  tracker serve /etc/tracker/config.json""",
    "check": """examples:
  tracker check config.json               exit code 0 when a start is possible""",
    "status": """examples:
  tracker status                          of the tracker of the config.json here
  tracker status --url https://t.example.com/health""",
    "sql": """examples:
  tracker sql "SELECT count() FROM events"
  tracker sql --format csv "SELECT * FROM hits" > hits.csv
  tracker sql --param v=user-123 "SELECT * FROM events WHERE vid = {v:String}"
  tracker sql --store duckdb "SELECT count(*) FROM events"
  tracker sql --output events.parquet "SELECT * FROM events"
  echo "SELECT 1; SELECT 2" | tracker sql""",
    "client": """examples:
  tracker client --query "SELECT count() FROM sfpla.events"
  tracker client -q "SELECT 1" --format JSON
  tracker client --param_v=user-123 -q "SELECT * FROM sfpla.events WHERE vid = {v:String}"
  tracker client < queries.sql""",
    "import": """examples:
  tracker import --host www.example.com /var/log/nginx/access.log*
                                          what is new in these; again tomorrow
  tracker import --dry-run access.log     say what it would come to, and show three events
  tracker import events.jsonl             objects as clients send them, one a line
  tracker sql --output old.jsonl "SELECT * FROM events" && tracker import old.jsonl
                                          rows of another tracker, under their own ids
  ssh web1 cat access.log | tracker import --host www.example.com -""",
    "replay": """examples:
  tracker replay list                     what was set aside, and why
  tracker replay show 17                  the letters of batch 17, with their raw bytes
  tracker replay 17                       send those of batch 17 through again
  tracker replay all
  tracker replay --store duckdb --since 2026-01-31T00:00:00Z
                                          land batches that are still kept once more""",
    "schema": """examples:
  tracker schema show                     tables and columns
  tracker schema ddl                      the statements that make them
  tracker schema verify                   compare the database with what it should be
  tracker schema apply                    bring the database up to date, without a start
  tracker schema drop --yes               remove the database and all its rows""",
    "account": """examples:
  tracker account add anna                asks for a password
  tracker account add shop --scope redirects --host go.shop.example --no-password
  tracker account key shop --name poster  prints a key, once
  tracker account list                    accounts and their keys, without secrets
  tracker account change anna --scope redirects --scope read
                                          all that it may from now on
  tracker account change shop --any-host --expires 2027-01-31
  tracker account password anna < file    the first line of standard input
  tracker account disable anna            until it is enabled
  tracker account delete anna             with its keys; its short links go on
  tracker account change-key k1f2e3d4c --expires never
  tracker account revoke k1f2e3d4c        a key, by its id, for good""",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; gives back 0 when good, 1 when it failed, 2 when not understood."""
    parsed = parser().parse_args(_with_parameters(_with_command(arguments)))
    command: Command = parsed.command
    try:
        return command(parsed)
    except TrackerError as error:
        if parsed.debug:
            traceback.print_exc()
        for line in str(error).splitlines():
            print(f"tracker: {line}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # the reader of the output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _with_command(arguments: Sequence[str]) -> list[str]:
    """`tracker`, `tracker config.json` and `tracker --prune config.json` mean `serve`."""
    given = list(arguments)
    first = next((word for word in given if not word.startswith("-")), None)
    if first in NAMES or any(word in ("-h", "--help", "--version") for word in given):
        return given
    return ["serve", *given]


def _with_parameters(arguments: list[str]) -> list[str]:
    """`client --param_v=1` or `--param_v 1` as its parser takes it: one option for any name."""
    if arguments[:1] != ["client"]:
        return arguments
    given: list[str] = []
    words = iter(arguments)
    for word in words:
        if word.startswith("--param_") and word != "--param_NAME":
            name, equals, value = word.removeprefix("--param_").partition("=")
            given += ["--param_NAME", f"{name}={value if equals else next(words, '')}"]
        else:
            given.append(word)
    return given


def parser() -> argparse.ArgumentParser:
    """All commands; the reference in the docs is made from it."""
    whole = argparse.ArgumentParser(
        prog="tracker", description=_ABOUT, epilog=_EXAMPLES[""],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    whole.add_argument("--version", action="version", version=f"tracker {__version__}")
    subparsers = whole.add_subparsers(title="commands", metavar="command", required=True)
    _serve(_command(subparsers, "serve", commands.serve, "start"))
    _check(_command(subparsers, "check", commands.check,
                    "validate a config file and say what each service would do"))
    _status(_command(subparsers, "status", commands.status,
                     "say how a running tracker is: 0 well, 1 not, 2 it does not answer"))
    _sql(_command(subparsers, "sql", commands.sql, "ask a running tracker"))
    _client(_command(subparsers, "client", commands.client,
                     "ask a running tracker, with the options of clickhouse client"))
    _import(_command(subparsers, "import", commands.import_,
                     "bring in access logs, JSON lines and exports, each line once"))
    _replay(_command(subparsers, "replay", commands.replay,
                     "list, show and send again what was set aside"))
    _schema(_command(subparsers, "schema", commands.schema,
                     "show, print or apply the tables"))
    _account(_command(subparsers, "account", commands.account,
                      "who may change short URLs, and by which keys"))
    return whole


def _command(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str,
             command: Command, about: str) -> argparse.ArgumentParser:
    made = subparsers.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=_EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--debug", action="store_true", help="print errors with their traceback")
    made.set_defaults(command=command)
    return made


def _config_option(made: argparse.ArgumentParser) -> None:
    made.add_argument("--config", type=Path, metavar="FILE",
                      help="config file of the tracker (default: config.json here, if any)")


def _config_argument(made: argparse.ArgumentParser) -> None:
    made.add_argument("config", type=Path, nargs="?", metavar="config.json",
                      help="config file (default: config.json here, if any, else all defaults)")


def _serve(made: argparse.ArgumentParser) -> None:
    _config_argument(made)
    made.add_argument("--prune", action="store_true",
                      help="remove personal data by the rules in Prune (not in this version)")


def _check(made: argparse.ArgumentParser) -> None:
    _config_argument(made)


def _status(made: argparse.ArgumentParser) -> None:
    made.add_argument("--url", default=None, help="its /health (default: that of the config)")
    _config_option(made)


def _sql(made: argparse.ArgumentParser) -> None:
    made.add_argument("statements", nargs="?", metavar="SQL",
                      help="statements, divided by semicolons (default: standard input)")
    made.add_argument("--format", default=None, metavar="NAME",
                      help="table, csv, json, or any format of ClickHouse"
                           " (default: table on a terminal, else tab-separated)")
    made.add_argument("--param", action="append", default=[], metavar="NAME=VALUE",
                      help="value of {NAME:Type} in the statements; may be given often")
    made.add_argument("--output", type=Path, default=None, metavar="FILE",
                      help="write the answer there; its name says the format (.csv, .json, .jsonl,"
                           " .parquet, .tsv), unless --format does")
    made.add_argument("--store", default=None, metavar="NAME",
                      help="ask this store, as duckdb, in its own SQL ($NAME for parameters)")
    made.add_argument("--host", default=None, help="default: QueryPort of the config")
    made.add_argument("--port", type=int, default=None, help="default: QueryPort of the config")
    made.add_argument("--password", default=None, help="default: QueryPassword of the config")
    _config_option(made)


def _client(made: argparse.ArgumentParser) -> None:
    made.add_argument("-q", "--query", action="append", default=[], metavar="SQL",
                      help="statements, divided by semicolons; may be given often"
                           " (default: standard input)")
    made.add_argument("-f", "--format", default="TabSeparated", metavar="NAME",
                      help="format of the answers (default: %(default)s)")
    made.add_argument("-d", "--database", default=None, metavar="NAME",
                      help="where plain names of tables are looked for")
    made.add_argument("--host", default=None, help="default: QueryPort of the config")
    made.add_argument("--port", type=int, default=None,
                      help="of ClickHouse's HTTP protocol (default: QueryPort of the config)")
    made.add_argument("-u", "--user", default="default", help="there is one: %(default)s")
    made.add_argument("--password", default=None, help="default: QueryPassword of the config")
    made.add_argument("--param_NAME", action="append", default=[], dest="param", metavar="VALUE",
                      help="value of {NAME:Type} in the statements; any NAME")
    made.add_argument("-n", "--multiquery", action="store_true",
                      help="taken, as several statements are always understood")
    _config_option(made)


def _import(made: argparse.ArgumentParser) -> None:
    made.add_argument("files", nargs="+", metavar="FILE",
                      help="plain or packed by gzip; - is standard input")
    made.add_argument("--format", default="auto", choices=("auto", "combined", "common", "jsonl"),
                      help="of all lines (default: each line tells)")
    made.add_argument("--host", default="", metavar="NAME",
                      help="host of the site, which logs do not name")
    made.add_argument("--oid", default="", metavar="ID",
                      help="oid of events that have none of their own")
    made.add_argument("--ip", default="log", choices=("log", "none"),
                      help="whether the log's addresses are those of visitors; none where they are"
                           " a proxy's (default: %(default)s)")
    made.add_argument("--from-line", type=int, default=1, metavar="N",
                      help="leave out earlier lines for good")
    made.add_argument("--dry-run", action="store_true",
                      help="read, count and show, but import nothing")
    _config_option(made)


def _replay(made: argparse.ArgumentParser) -> None:
    made.add_argument("what", nargs="*", metavar="list | show BATCH | BATCH | all",
                      help="what to do (default: list)")
    made.add_argument("--store", default=None, metavar="NAME",
                      help="land kept batches in this store again")
    made.add_argument("--since", default=None, metavar="TIME",
                      help="with --store: batches sealed since then (ISO 8601)")
    _config_option(made)


def _schema(made: argparse.ArgumentParser) -> None:
    made.add_argument("action", choices=("show", "ddl", "verify", "apply", "drop"), nargs="?",
                      default="show")
    made.add_argument("--yes", action="store_true", help="drop without asking")
    made.add_argument("--store", default="chdb", choices=("chdb", "duckdb"),
                      help="dialect (default: chdb)")
    _config_option(made)


def _account(made: argparse.ArgumentParser) -> None:
    made.add_argument("action", choices=ACCOUNT_ACTIONS)
    made.add_argument("who", nargs="?", metavar="UID | KEY-ID",
                      help="the account, or for change-key and revoke the key (default for add: a"
                           " random UUID; for list: all)")
    made.add_argument("--scope", action="append", default=[], choices=SCOPES,
                      help="what it may; may be given often (default for add: redirects and read;"
                           " for key: all that its account may)")
    made.add_argument("--host", action="append", default=[], metavar="NAME",
                      help="a host whose short URLs it may change; may be given often (default for"
                           " add: all)")
    made.add_argument("--any-host", action="store_true",
                      help="with change: the short URLs of all hosts")
    made.add_argument("--name", default=None, help="what people call it")
    made.add_argument("--expires", default=None, metavar="TIME",
                      help="when it ends (ISO 8601, or never, which is the default)")
    made.add_argument("--no-password", action="store_true",
                      help="with add or change: it is used by keys alone")
    made.add_argument("--yes", action="store_true", help="with delete: do not ask")
    _config_option(made)
