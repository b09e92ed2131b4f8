"""`events`, the one source of all that is derived, and the account of every batch."""

from tracker.columns import EVENT_COLUMNS, Column, From, Kind
from tracker.schema.table import Alias, Keep, Table

BATCH = (
    Column("sequencer", Kind.WORD, "Sequencer that sealed the batch.", source=From.BATCH),
    Column("batch", Kind.COUNT, "Number of the batch.", source=From.BATCH),
)
"""Where a row came from: ends every table that batches are inserted into."""

EID = Column("eid", Kind.UUID, "Id of the event or message that made this row.")

EVENTS = Table(
    "events", "Every event, once: the source of all other counts.",
    EVENT_COLUMNS, order=("oid", "created_at", "eid"), keep=Keep.NEWEST, month="created_at",
    lookups=("vid", "uid"), again=("sid", "ip", "iphash"),
    aliases=(
        Alias("path", "Path of `url`.", "path(url)"),
        Alias("url_host", "Host of `url`.", "domain(url)"),
        Alias("referrer", "Host of `last`.", "domain(last)"),
    ))

ACCOUNTING = Table(
    "accounting", "One row per batch: accepted = landed + others + duplicates + filtered +"
    " quarantined.",
    (
        *BATCH,
        Column("sealed_at", Kind.TIME, "When the batch was sealed."),
        Column("oldest", Kind.TIME, "When its oldest hit was received."),
        Column("newest", Kind.TIME, "When its newest hit was received."),
        Column("hits", Kind.COUNT, "Requests and messages it was made of."),
        Column("accepted", Kind.COUNT, "Events that were acknowledged."),
        Column("landed", Kind.COUNT, "Events that are rows of `events`."),
        Column("others", Kind.COUNT, "What is no event, as a line of a log: rows elsewhere."),
        Column("duplicates", Kind.COUNT, "Events whose `eid` had come before."),
        Column("conflicts", Kind.COUNT, "Duplicates whose content differed from the first."),
        Column("filtered", Kind.COUNT, "Events dropped by a rule."),
        Column("quarantined", Kind.COUNT, "Events set aside as dead letters."),
        Column("reasons", Kind.JSON, "How many were filtered and quarantined, by reason."),
    ),
    order=("sequencer", "batch"), keep=Keep.NEWEST, version="sealed_at")

TABLES = (EVENTS, ACCOUNTING)
