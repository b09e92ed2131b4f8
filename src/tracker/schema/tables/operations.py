"""Rows that services send of themselves: logs and updates."""

from tracker.columns import Column, Kind
from tracker.kinds import RowKind
from tracker.schema.table import Fed, Keep, Table
from tracker.schema.tables.core import BATCH, EID

LOGS = Table(
    "logs", "Log lines of services.",
    (
        Column("id", Kind.ID, "Id of the line."),
        Column("ldate", Kind.DATE, "Day of the line."),
        Column("created_at", Kind.TIME, "When the line was received."),
        Column("ltime", Kind.NANOTIME, "When it was written, to the nanosecond."),
        Column("topic", Kind.WORD, "Topic."),
        Column("name", Kind.WORD, "Name of the service."),
        Column("host", Kind.WORD, "Host of the service."),
        Column("hostname", Kind.WORD, "Name of the machine."),
        Column("oid", Kind.ID, "Organisation id."),
        Column("org", Kind.WORD, "Organisation name."),
        Column("owner", Kind.ID, "Whose it is.", personal=True),
        Column("ip", Kind.TEXT, "Address of the sender.", personal=True),
        Column("iphash", Kind.TEXT, "Keyed hash of the address.", personal=True),
        Column("level", Kind.INTEGER, "Level."),
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
        *BATCH,
    ),
    order=("id",), keep=Keep.NEWEST, version="updated_at")

TABLES = (LOGS, UPDATES)

FED = (
    Fed(LOGS, RowKind.LOG, ("oid", "org", "ip", "iphash", "created_at", "params", "eid")),
)
