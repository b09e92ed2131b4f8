"""The file `registry.db`: its tables, how it is opened to write and to read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracker.errors import TrackerError

_STEPS = ("""
CREATE TABLE accounts (
    uid TEXT PRIMARY KEY, name TEXT NOT NULL, password TEXT NOT NULL, scopes TEXT NOT NULL,
    hosts TEXT NOT NULL, disabled INTEGER NOT NULL, expires INTEGER, created INTEGER NOT NULL
) STRICT;
CREATE TABLE keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, uid TEXT NOT NULL REFERENCES accounts (uid),
    name TEXT NOT NULL, scopes TEXT NOT NULL, expires INTEGER, created INTEGER NOT NULL
) STRICT;
CREATE TABLE links (
    host TEXT NOT NULL, slug TEXT NOT NULL, folded TEXT NOT NULL, urlfrom TEXT NOT NULL,
    urlto TEXT NOT NULL, location BLOB NOT NULL, leads TEXT NOT NULL, body BLOB NOT NULL,
    pass_query INTEGER NOT NULL, expires INTEGER, max_clicks INTEGER, clicks INTEGER NOT NULL,
    oid TEXT NOT NULL, org TEXT NOT NULL, updater TEXT NOT NULL, created INTEGER NOT NULL,
    updated INTEGER NOT NULL, deleted INTEGER NOT NULL, change INTEGER NOT NULL,
    PRIMARY KEY (host, slug)
) STRICT;
CREATE UNIQUE INDEX links_change ON links (change);
CREATE INDEX links_folded ON links (host, folded);
CREATE TABLE outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, eid BLOB NOT NULL,
    moment INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
""",)
"""Each brings the file from one version (`user_version`) to the next; times are milliseconds."""


def open_writer(path: Path) -> sqlite3.Connection:
    """The file, made or brought up to date; for the one process that writes.

    A commit has returned when it is on disk. Raises `TrackerError`.
    """
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_STEPS):
            raise TrackerError(f"{path} was written by a newer version of Tracker; run that one")
        for number, step in enumerate(_STEPS[version:], version + 1):
            database.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number};"
                                   " COMMIT;")
    except sqlite3.Error as error:
        raise TrackerError(f"{path} cannot be opened ({error}): put a backup in its place, or move"
                           " it away to begin without accounts and short URLs") from None
    return database


def open_reader(path: Path) -> sqlite3.Connection:
    """The file to read, at least as far as it is there; raises `sqlite3.Error`."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None,
                           check_same_thread=False, timeout=1.0)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of it is on disk afterwards, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # a full disk may have ended it
            database.execute("ROLLBACK")
        raise
