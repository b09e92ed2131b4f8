"""Payments and what a user or visitor was worth; which users came to which hosts."""

from tracker.columns import Column, Kind
from tracker.kinds import RowKind
from tracker.money import AMOUNTS
from tracker.schema.table import Fed, Keep, Table, View
from tracker.schema.tables.analytics import CLIENT, HHASH, OID, SID, VID, newest
from tracker.schema.tables.core import BATCH, EID
from tracker.schema.tables.several import several

UID = Column("uid", Kind.ID, "Id of the signed-in user.", personal=True)

PAYMENTS = Table(
    "payments", "Line items that were paid or refunded; one row per `id`.",
    (
        Column("id", Kind.ID, "Id of the line item."),
        OID,
        Column("org", Kind.WORD, "Organisation name."),
        HHASH,
        Column("tid", Kind.ID, "Message thread id."),
        UID,
        VID,
        Column("sid", Kind.ID, "Session id.", personal=True),
        *several(Kind.ID, "Id of the {}.", "invid orid product_id"),
        Column("invoiced_at", Kind.MOMENT, "When it was invoiced."),
        *several(Kind.TEXT, "The {} that was sold.", "product pcat man model"),
        Column("qty", Kind.NUMBER, "Quantity."),
        Column("duration", Kind.TEXT, "For how long."),
        *several(Kind.MOMENT, "When it {}.", "starts ends"),
        *several(Kind.MONEY, "Amount: {}.", " ".join(AMOUNTS)),
        Column("tax_rate", Kind.NUMBER, "Rate of the tax."),
        Column("currency", Kind.WORD, "ISO 4217 code of the amounts."),
        *several(Kind.WORD, "The {} it was sold in or by.", "country rcode region campaign_id"),
        Column("updater", Kind.ID, "Who changed it last.", personal=True),
        Column("owner", Kind.ID, "Whose it is.", personal=True),
        Column("paid_at", Kind.MOMENT, "When it was paid."),
        Column("created_at", Kind.TIME, "When it was sent first."),
        Column("updated_at", Kind.TIME, "When it was sent last."),
        Column("worth", Kind.MONEY, "What it counts for: `revenue`, in the base currency of then"
               " where its rate was known."),
        Column("worth_currency", Kind.WORD, "ISO 4217 code of `worth`."),
        EID,
        *BATCH,
    ),
    order=("oid", "id"), keep=Keep.NEWEST, version="updated_at")

TABLES = (PAYMENTS,)

PAYMENTS_FED = Fed(PAYMENTS, RowKind.PAYMENT,
                   ("oid", "org", "hhash", "tid", "uid", "created_at", "eid"))

FED = (PAYMENTS_FED,)

DERIVED = (
    newest("userhosts", "Users of each host, and their devices.",
           {OID: "e.oid", HHASH: "e.hhash", UID: "e.uid", VID: "e.vid"}, {SID: "e.sid"},
           f"{CLIENT} AND e.uid <> ''"),
)

_COUNTED_IN = "CASE WHEN e.worth_currency = '' THEN e.currency ELSE e.worth_currency END"
_WORTH = ("sum(coalesce(e.worth, e.revenue)) AS revenue,"
          " sum(coalesce(e.worth, e.revenue)) AS paid,"
          f" {_COUNTED_IN} AS currency, min(e.created_at) AS created_at,"
          " max(e.updated_at) AS updated_at")
_PAID = "WHERE e.revenue <> 0"
_ORDER = "CASE WHEN e.orid = '' THEN e.invid ELSE e.orid END"
_PAYER = f"CASE t.id_type WHEN 'uid' THEN e.uid WHEN 'vid' THEN e.vid ELSE {_ORDER} END"


def _worth(name: str, about: str, keys: tuple[str, ...], where: str = "") -> View:
    named = ", ".join(f"e.{key}" for key in keys)
    return View(name, f"{about}; one row per currency that is not converted.", "payments",
                f"{named}, {_WORTH}", f"{_PAID}{where} GROUP BY {named}, {_COUNTED_IN}",
                merged=True)


VIEWS = (
    _worth("ltv", "Lifetime value per user and visitor", ("oid", "uid", "vid")),
    _worth("ltvu", "Lifetime value per user", ("oid", "uid"), " AND e.uid <> ''"),
    _worth("ltvv", "Lifetime value per visitor", ("oid", "vid"), " AND e.vid <> ''"),
    _worth("ltvo", "Value per order", ("oid", "orid"), " AND e.orid <> ''"),
    View("ltv_by_id", "Lifetime value per id of a user, visitor or order (else invoice): `paid`;"
         " one row per currency that is not converted.", "payments",
         f"e.oid, e.hhash, {_PAYER} AS id, t.id_type AS id_type, {_WORTH}",
         "CROSS JOIN (SELECT 'uid' AS id_type UNION ALL SELECT 'vid' UNION ALL SELECT 'orid') AS t"
         f" {_PAID} AND {_PAYER} <> ''"
         f" GROUP BY e.oid, e.hhash, {_PAYER}, t.id_type, {_COUNTED_IN}", merged=True),
)
