"""Consent: what visitors agreed to, and the rules that ask for it."""

from tracker.columns import EVENT_COLUMNS, Column, From, Kind
from tracker.kinds import RowKind
from tracker.schema.table import Fed, Keep, Table, View
from tracker.schema.tables.core import BATCH, EID
from tracker.schema.tables.several import marked, several

_AGREEMENT = marked((
    Column("vid", Kind.ID, "Visitor id.", personal=True),
    Column("created_at", Kind.TIME, "When the visitor agreed."),
    Column("updated_at", Kind.TIME, "When this was last changed."),
    Column("compliances", Kind.JSON, "Regulations this was asked for."),
    Column("cflags", Kind.MASK, "Consent flags."),
    *several(Kind.ID, "Id: {}.", "sid uid avid", personal=True),
    *several(Kind.WORD, "As in `events`: {}.", "hhash app rel"),
    Column("url", Kind.TEXT, "Where the visitor agreed."),
    *several(Kind.TEXT, "As in `events`: {}.", "ip iphash gaid idfa msid fbid", personal=True),
    *several(Kind.WORD, "As in `events`: {}.",
             "country region culture source medium campaign term"),
    Column("ref", Kind.ID, "Visitor who referred this one."),
    *several(Kind.WORD, "As in `events`: {}.", "rcode aff"),
    Column("browser", Kind.WORD, "User agent.", personal=True),
    *several(Kind.WORD, "As in `events`: {}.", "bhash device os tz"),
    *several(Kind.INTEGER, "As in `events`: {}.", "vp_w vp_h"),
    Column("loc", Kind.JSON, "Place, if it was sent as one."),
    *several(Kind.NUMBER, "As in `events`: {}.", "lat lon", personal=True),
    Column("zip", Kind.WORD, "Postcode."),
    Column("owner", Kind.ID, "Whose it is.", personal=True),
    Column("oid", Kind.ID, "Organisation id."),
    Column("org", Kind.WORD, "Organisation name."),
    EID,
    *BATCH,
), "ref bhash loc")

AGREEMENTS = Table(
    "agreements_store", "Keeps `agreements`.", _AGREEMENT,
    order=("oid", "vid"), keep=Keep.NEWEST, version="updated_at")

AGREED = Table(
    "agreed", "Every agreement ever sent.", _AGREEMENT,
    order=("oid", "vid", "created_at", "updated_at"), month="created_at")

JURISDICTIONS = Table(
    "jurisdictions_store", "Keeps `jurisdictions`.",
    (
        Column("regulation", Kind.WORD, "Regulation, as GDPR."),
        Column("compliance", Kind.WORD, "What it regulates."),
        Column("seq", Kind.COUNT, "Place in the order of rules of one kind."),
        Column("rules", Kind.JSON, "Consent, name, since, source …; `withdrawn` where they hold no"
               " more."),
        Column("locs", Kind.JSON, "Where they hold: `codes` of ISO 3166."),
        Column("updated_at", Kind.TIME, "When this was last changed."),
        EID,
        *BATCH,
    ),
    order=("regulation", "compliance", "seq"), keep=Keep.NEWEST, version="updated_at")

TABLES = (AGREEMENTS, AGREED, JURISDICTIONS)

_SHARED = tuple(name for name in AGREED.names
                if name in {column.name for column in EVENT_COLUMNS
                            if column.source is not From.BATCH})

FED = (
    Fed(AGREEMENTS, RowKind.AGREEMENT, _SHARED),
    Fed(AGREED, RowKind.AGREEMENT, _SHARED),
    Fed(JURISDICTIONS, RowKind.JURISDICTION, ("eid",)),
)

VIEWS = (
    View("agreements", "What each visitor agreed to last.", "agreements_store", "e.*",
         merged=True),
    View("jurisdictions", "Rules of consent, by regulation.", "jurisdictions_store", "e.*",
         merged=True),
)
