"""Rows that services send of themselves: logs, counters and updates."""

from tracker.columns import Column, Kind
from tracker.kinds import RowKind
from tracker.schema.table import Derived, Fed, Keep, Table, View
from tracker.schema.tables.analytics import COUNTERS, VISITORS_CREATED
from tracker.schema.tables.core import BATCH, EID

LOGS = Table(
    "logs", "Log lines of services.",
    (
        Column("id", Kind.ID, "Id of the line."),
        Column("ldate", Kind.DATE, "Day of the line."),
        Column("created_at", Kind.TIME, "When it was written as of `created`, else received."),
        Column("ltime", Kind.NANOTIME, "When it was written, to nanoseconds; else `created_at`."),
        Column("topic", Kind.WORD, "Topic."),
        Column("name", Kind.WORD, "Name of the service."),
        Column("host", Kind.WORD, "Host of the service."),
        Column("hostname", Kind.WORD, "Name of the machine."),
        Column("oid", Kind.ID, "Organisation id."),
        Column("org", Kind.WORD, "Organisation name."),
        Column("owner", Kind.ID, "Whose it is.", personal=True),
        Column("ip", Kind.TEXT, "Address of the sender.", personal=True),
        Column("iphash", Kind.TEXT, "Keyed hash of the address.", personal=True),
        Column("level", Kind.INTEGER, "Severity of RFC 5424 (0 emergency, 3 error, 4 warning, 6"
               " informational, 7 debug), or the number that was sent."),
        Column("msg", Kind.TEXT, "The line.", personal=True),
        Column("params", Kind.JSON, "All else.", personal=True),
        EID,
        *BATCH,
    ),
    order=("created_at", "id"), month="ldate")

UPDATES = Table(
    "updates", "The last message of each id.",
    (
        Column("id", Kind.ID, "Whose message."),
        Column("updated_at", Kind.TIME, "When it was sent."),
        Column("msg", Kind.TEXT, "The message."),
        EID,
        *BATCH,
    ),
    order=("id",), keep=Keep.NEWEST, version="updated_at")

COUNTED = Table(
    "counted", "Every message that counts something; `counters` has the sums.",
    (
        Column("id", Kind.ID, "Name of the counter."),
        Column("day", Kind.DATE, "Day it counts for, UTC."),
        Column("total", Kind.COUNT, "By how much it counts."),
        Column("created_at", Kind.TIME, "When it was received."),
        EID,
        *BATCH,
    ),
    order=("id", "day"), month="day", dense=True)

TABLES = (LOGS, UPDATES, COUNTED)

FED = (
    Fed(LOGS, RowKind.LOG, ("oid", "org", "ip", "iphash", "created_at", "params", "eid")),
    Fed(UPDATES, RowKind.UPDATE, ("eid",)),
    Fed(COUNTED, RowKind.COUNTER, ("created_at", "eid")),
)

DERIVED = (
    Derived(COUNTERS.table, ("e.id", "e.day", "CAST(sum(e.total) AS BIGINT)"),
            f"e.id <> '{VISITORS_CREATED}'", source="counted"),
)

VIEWS = (
    View("updates_latest", "The last message of each id.", "updates", "e.*", merged=True),
)
