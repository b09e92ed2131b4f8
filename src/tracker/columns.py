"""The columns of an event: names are the original's, each with the keys that fill it."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a column holds; each dialect and the batch file have one type for each."""

    UUID = "uuid"  # our own event id
    ID = "id"  # ids of clients: any text, a UUID in canonical spelling
    TEXT = "text"
    WORD = "word"  # text with few distinct values
    INTEGER = "integer"  # 64 bits; unknown is NULL
    NUMBER = "number"  # double; unknown is NULL
    MASK = "mask"  # 64 bits of flags; unknown is 0
    COUNT = "count"  # unsigned, summed
    FLAG = "flag"  # boolean; unknown is false
    TIME = "time"  # milliseconds, UTC
    MOMENT = "moment"  # milliseconds, UTC; unknown is NULL
    NANOTIME = "nanotime"
    DATE = "date"
    JSON = "json"  # an object
    MONEY = "money"  # exact decimal, 4 places; unknown is NULL
    ANSWER = "answer"  # boolean; unknown is NULL
    TEXTS = "texts"  # a list of texts


class From(Enum):
    """Who fills a column."""

    CLIENT = "client"  # a key of the same name, or one of `keys`
    REFINE = "refine"  # we do; a client's key of this name goes to `params`
    BATCH = "batch"  # the same value for all rows of a batch, added when it lands


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind
    about: str
    keys: tuple[str, ...] = ()
    personal: bool = False
    source: From = From.CLIENT


EVENT_COLUMNS: tuple[Column, ...] = (
    Column("eid", Kind.UUID, "The event's id: the client's UUID, else ours (version 1)."),
    Column("oid", Kind.ID, "Organisation id."),
    Column("org", Kind.WORD, "Organisation name."),
    Column("vid", Kind.ID, "Visitor id, the same across sessions of one device.", personal=True),
    Column("sid", Kind.ID, "Session id.", personal=True),
    Column("uid", Kind.ID, "Id of the signed-in user.", personal=True),
    Column("tid", Kind.ID, "Message thread id."),
    Column("rid", Kind.ID, "Id of the related thing."),
    Column("invoice_id", Kind.ID, "Invoice id."),
    Column("auth_id", Kind.ID, "Id of the authorising account.", keys=("auth",), personal=True),
    Column("device_id", Kind.ID, "Device id.", keys=("did",), personal=True),
    Column("created_at", Kind.TIME, "When it happened: the client's `created` (or `time`) within"
           " limits, else when it was received.", keys=("created", "time"), source=From.REFINE),
    Column("received_at", Kind.TIME, "When the hit was received.", source=From.REFINE),
    Column("host", Kind.WORD, "Host that the request was sent to, without port.",
           source=From.REFINE),
    Column("hhash", Kind.WORD, "Hash of the host.", source=From.REFINE),
    Column("app", Kind.WORD, "Application."),
    Column("rel", Kind.WORD, "Release of the application."),
    Column("ver", Kind.INTEGER, "Version, as of an experiment.", keys=("version",)),
    Column("ename", Kind.WORD, "Event name."),
    Column("etyp", Kind.WORD, "Event type."),
    Column("ptyp", Kind.WORD, "Page type."),
    Column("first", Kind.FLAG, "The visitor's first event.", source=From.REFINE),
    Column("server", Kind.FLAG, "Sent by a server, not by a visitor's device.",
           source=From.REFINE),
    Column("bot", Kind.FLAG, "The user agent is a robot's.", source=From.REFINE),
    Column("url", Kind.TEXT, "What was visited, as //host/path, without query."),
    Column("last", Kind.TEXT, "Where the visitor came from, as //host/path, without query."),
    Column("ip", Kind.TEXT, "Client address; with UseRemoveIP its keyed hash.", personal=True,
           source=From.REFINE),
    Column("iphash", Kind.TEXT, "Keyed hash of the client address; the key rotates daily.",
           personal=True, source=From.REFINE),
    Column("cflags", Kind.MASK, "Consent flags."),
    Column("country", Kind.WORD, "ISO 3166-1 alpha-2 code of the country."),
    Column("region", Kind.WORD, "Region."),
    Column("city", Kind.WORD, "City."),
    Column("zip", Kind.WORD, "Postcode."),
    Column("lat", Kind.NUMBER, "Latitude in degrees.", personal=True),
    Column("lon", Kind.NUMBER, "Longitude in degrees.", personal=True),
    Column("tz", Kind.WORD, "IANA time zone of the device."),
    Column("culture", Kind.WORD, "Language of the device."),
    Column("browser", Kind.WORD, "Browser family."),
    Column("agent", Kind.WORD, "User-Agent header in lower case.", personal=True,
           source=From.REFINE),
    Column("bhash", Kind.WORD, "Hash of the User-Agent header.", personal=True,
           source=From.REFINE),
    Column("device", Kind.WORD, "Device type or name."),
    Column("os", Kind.WORD, "Operating system."),
    Column("vp_w", Kind.INTEGER, "Viewport width in pixels.", keys=("w",)),
    Column("vp_h", Kind.INTEGER, "Viewport height in pixels.", keys=("h",)),
    Column("duration", Kind.INTEGER, "Milliseconds, by custom."),
    Column("score", Kind.NUMBER, "How good."),
    Column("xid", Kind.WORD, "Experiment id."),
    Column("split", Kind.WORD, "Variant of the experiment."),
    Column("arm_id", Kind.WORD, "Arm of a bandit experiment."),
    Column("mcid", Kind.WORD, "Marketing campaign id."),
    Column("source", Kind.WORD, "utm_source."),
    Column("medium", Kind.WORD, "utm_medium."),
    Column("campaign", Kind.WORD, "utm_campaign."),
    Column("content", Kind.WORD, "utm_content."),
    Column("term", Kind.WORD, "utm_term."),
    Column("aff", Kind.WORD, "Affiliate."),
    Column("ref", Kind.ID, "Visitor who referred this one.", personal=True),
    Column("rcode", Kind.WORD, "Referral code."),
    Column("outcome", Kind.WORD, "Outcome reached."),
    Column("sink", Kind.WORD, "Sink of a funnel."),
    Column("relation", Kind.WORD, "Relation to `rid`."),
    Column("gaid", Kind.ID, "Google advertising id.", personal=True),
    Column("idfa", Kind.ID, "Apple advertising id.", personal=True),
    Column("msid", Kind.ID, "Microsoft advertising id.", personal=True),
    Column("fbid", Kind.ID, "Facebook id.", personal=True),
    Column("ja4h", Kind.WORD, "Kept empty.", source=From.REFINE),
    Column("params", Kind.JSON, "All else that was sent, typed.", personal=True),
    Column("targets", Kind.JSON, "Targets."),
    Column("sequencer", Kind.WORD, "Sequencer that sealed the batch.", source=From.BATCH),
    Column("batch", Kind.COUNT, "Number of the batch.", source=From.BATCH),
)

PRIVATE_COLUMNS: tuple[Column, ...] = (
    Column("ehash", Kind.TEXT, "Keyed hash of the e-mail address.", personal=True),
    Column("chash", Kind.TEXT, "Keyed hash of the phone number.", personal=True),
    Column("uhash", Kind.TEXT, "Keyed hash of the user name.", personal=True),
    Column("kind", Kind.WORD, "What the row is: a `RowKind`.", source=From.REFINE),
    Column("extra", Kind.TEXT, "A JSON array: one object for each row that it makes in the tables"
           " fed by its kind.", personal=True, source=From.REFINE),
)
"""In the batch file beside the event's columns, for tables of their own; never in `events`."""

BATCH_COLUMNS: tuple[Column, ...] = tuple(
    column for column in EVENT_COLUMNS if column.source is not From.BATCH
) + PRIVATE_COLUMNS
"""One row of a batch file, in this order."""
