"""Every peer in one table: a new one is a line here and a way to start it in a module beside.

A scenario of bench/scenarios.py names which of them it runs beside the tracker.
"""

from functools import partial

from bench.peers.base import Peer
from bench.peers.files import disk
from bench.peers.pipes import nats, rsyslog
from bench.peers.web import caddy_log, nginx_log, otel

DURABLE: tuple[Peer, ...] = (
    Peer("NATS JetStream, synced", "on disk, synced for each message (`sync_interval: always`)",
         True, "nats-server", partial(nats, sync="always")),
    Peer("rsyslog, synced", "by RELP; in its file, synced for each message (direct queue,"
         ' `sync="on"`)', True, "rsyslogd", partial(rsyslog, synced=True)),
    Peer("OpenTelemetry Collector, synced", "OTLP over HTTP; in its queue on disk (`file_storage`"
         " with `fsync`)", True, "otelcol", partial(otel, synced=True)),
)
"""An event that they acknowledged survives a power failure."""

LOOSE: tuple[Peer, ...] = (
    Peer("NATS JetStream, default", "written, not synced: a sync every 2 minutes", False,
         "nats-server", partial(nats, sync='"2m"')),
    Peer("rsyslog, default", "by RELP; in a queue in memory, written later, never synced", False,
         "rsyslogd", partial(rsyslog, synced=False)),
)
"""The same pipes as they come."""

COLLECTORS: tuple[Peer, ...] = (
    Peer("OpenTelemetry Collector, default", "OTLP over HTTP; in a queue in memory", False,
         "otelcol", partial(otel, synced=False)),
)
"""Who takes events by HTTP and answers before they are on disk."""

LOGS: tuple[Peer, ...] = (
    Peer("nginx, access log", "none: the line is written after the answer, and no setting syncs"
         " it", False, "nginx", nginx_log),
    Peer("Caddy, access log", "none: the line is written, never synced", False, "caddy",
         caddy_log),
)
"""Web servers that count pixels by their log; the event is in the request's line."""

DISK: tuple[Peer, ...] = (
    Peer("append and sync each", "in a growing file, `fdatasync` for each event", True, "",
         partial(disk, way="append", group=1)),
    Peer("append and sync 64", "in a growing file, `fdatasync` for 64 events", True, "",
         partial(disk, way="append", group=64)),
    Peer("SQLite, commit each", "in a table, a transaction for each event (WAL,"
         " `synchronous=FULL`)", True, "", partial(disk, way="sqlite", group=1)),
    Peer("SQLite, commit 64", "in a table, a transaction for 64 events (WAL, `synchronous=FULL`)",
         True, "", partial(disk, way="sqlite", group=64)),
)
"""Limits of durability, not servers: a loop beside no network, no parsing and no checks."""
