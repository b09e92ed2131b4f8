"""What each command of `tracker` does; drivers and servers are imported only where needed."""

import argparse
import os
import sys

from tracker.config import load, prepare
from tracker.config.check import notes, refusals, report
from tracker.errors import ConfigError


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
    query = load(parsed.config, os.environ).query
    port = parsed.port or query.port
    if port is None:
        raise ConfigError("QueryPort is off in the config; give it an address, or name --port")
    statements = sys.stdin.read() if parsed.statements is None else parsed.statements
    params = dict(_parameter(text) for text in parsed.param)
    from tracker.sqlclient import run_sql  # noqa: PLC0415 - as above

    return run_sql(parsed.host or query.host, port, parsed.password or query.password,
                   statements, parsed.format, sys.stdout, params)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigError(f"--param {text}: write NAME=VALUE")
    return name, value


def replay(parsed: argparse.Namespace) -> int:
    """List, show and send again what was set aside."""
    raise ConfigError(f"replay {' '.join(parsed.what)}: not in this version")


def schema(parsed: argparse.Namespace) -> int:
    """Show, print or apply the tables."""
    raise ConfigError(f"schema {parsed.action}: not in this version")
