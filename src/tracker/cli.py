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

NAMES = ("serve", "check", "sql", "replay", "schema", "account")

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
    "sql": """examples:
  tracker sql "SELECT count() FROM events"
  tracker sql --format csv "SELECT * FROM hits" > hits.csv
  tracker sql --param v=user-123 "SELECT * FROM events WHERE vid = {v:String}"
  tracker sql --store duckdb "SELECT count(*) FROM events"
  echo "SELECT 1; SELECT 2" | tracker sql""",
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
  tracker schema apply                    bring the database up to date, without a start""",
    "account": """examples:
  tracker account add anna                asks for a password
  tracker account add shop --scope redirects --host go.shop.example --no-password
  tracker account key shop --name poster  prints a key, once
  tracker account list                    accounts and their keys, without secrets
  tracker account disable anna
  tracker account password anna < file    the first line of standard input
  tracker account revoke k1f2e3d4c        a key, by its id""",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; gives back 0 when good, 1 when it failed, 2 when not understood."""
    parsed = parser().parse_args(_with_command(arguments))
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
    _sql(_command(subparsers, "sql", commands.sql, "ask a running tracker"))
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


def _sql(made: argparse.ArgumentParser) -> None:
    made.add_argument("statements", nargs="?", metavar="SQL",
                      help="statements, divided by semicolons (default: standard input)")
    made.add_argument("--format", default=None, metavar="NAME",
                      help="table, csv, json, or any format of ClickHouse"
                           " (default: table on a terminal, else tab-separated)")
    made.add_argument("--param", action="append", default=[], metavar="NAME=VALUE",
                      help="value of {NAME:Type} in the statements; may be given often")
    made.add_argument("--store", default=None, metavar="NAME",
                      help="ask this store, as duckdb, in its own SQL ($NAME for parameters)")
    made.add_argument("--host", default=None, help="default: QueryPort of the config")
    made.add_argument("--port", type=int, default=None, help="default: QueryPort of the config")
    made.add_argument("--password", default=None, help="default: QueryPassword of the config")
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
    made.add_argument("action", choices=("show", "ddl", "apply"), nargs="?", default="show")
    made.add_argument("--store", default="chdb", choices=("chdb", "duckdb"),
                      help="dialect (default: chdb)")
    _config_option(made)


def _account(made: argparse.ArgumentParser) -> None:
    made.add_argument("action", choices=ACCOUNT_ACTIONS)
    made.add_argument("who", nargs="?", metavar="UID | KEY-ID",
                      help="the account, or for revoke the key (default for add: a random UUID)")
    made.add_argument("--scope", action="append", default=[], choices=SCOPES,
                      help="what it may; may be given often (default: redirects and read; of a"
                           " key: all that its account may)")
    made.add_argument("--host", action="append", default=[], metavar="NAME",
                      help="with add: a host whose short URLs it may change (default: all)")
    made.add_argument("--name", default="", help="what people call it")
    made.add_argument("--expires", default=None, metavar="TIME",
                      help="when it ends (ISO 8601; default: never)")
    made.add_argument("--no-password", action="store_true",
                      help="with add: it is used by keys alone")
    _config_option(made)
