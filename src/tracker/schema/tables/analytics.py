"""Counts, identities and journeys: what follows from the events of each batch."""

from tracker.columns import EVENT_COLUMNS, Column, From, Kind
from tracker.schema.table import Derived, Keep, Table, View

CLIENT = "e.server = false"  # most counts are of visitors' devices, not of servers
_DAY = "CAST(e.created_at AS DATE)"

OID = Column("oid", Kind.ID, "Organisation id.")
HHASH = Column("hhash", Kind.WORD, "Hash of the host.")
VID = Column("vid", Kind.ID, "Visitor id.", personal=True)
SID = Column("sid", Kind.ID, "Session id of the newest event.", personal=True)
NEWEST = Column("created_at", Kind.TIME, "Time of the newest event.")
_TOTAL = Column("total", Kind.COUNT, "How many events; sum it.")
_DATE = Column("date", Kind.DATE, "Day, UTC.")


def count(name: str, about: str, keys: dict[Column, str], where: str, *,
          day: str = "date", month: bool = True) -> Derived:
    """A table that counts events per `keys` (column and expression) and day."""
    date = Column(day, Kind.DATE, "Day, UTC.")
    table = Table(name, about, (*keys, date, _TOTAL),
                  order=(*(column.name for column in keys), day),
                  keep=Keep.SUM, sums=("total",), month=day if month else None, dense=True)
    return Derived(table, (*keys.values(), _DAY, "count(*)"), where)


def newest(name: str, about: str, keys: dict[Column, str], others: dict[Column, str],
           where: str, *, private: str | None = None) -> Derived:
    """A table that keeps the newest `others` per `keys`."""
    table = Table(name, about, (*keys, *others, NEWEST), keep=Keep.NEWEST, version="created_at",
                  order=tuple(column.name for column in keys), dense=True)
    latest = (f"argMax({value}, e.created_at)" for value in others.values())
    return Derived(table, (*keys.values(), *latest, "max(e.created_at)"), where, private)


_SITE = {OID: "e.oid", HHASH: "e.hhash"}
_SEEN = {VID: "e.vid", SID: "e.sid"}


def _hashed(name: str, column: str, about: str) -> Derived:
    key = Column(column, Kind.TEXT, about, personal=True)
    return newest(name, f"{about[:-1]}, and the visitor it belongs to.",
                  {**_SITE, key: f"e.{column}", VID: "e.vid"}, {SID: "e.sid"},
                  f"{CLIENT} AND e.{column} <> ''", private=column)


VISITORS_CREATED = "vids_created"

COUNTERS = count(
    "counters", f"Counters per day: those of services, and `{VISITORS_CREATED}`, new visitors.",
    {Column("id", Kind.ID, "Name of the counter."): f"'{VISITORS_CREATED}'"},
    f"{CLIENT} AND e.first", month=False)

DERIVED = (
    count("hits", "Views per URL and day.",
          {**_SITE, Column("url", Kind.TEXT, "What was visited."): "e.url"},
          f"{CLIENT} AND e.url <> ''"),
    count("reqs", "Events per visitor and day.", {**_SITE, VID: "e.vid"},
          f"{CLIENT} AND e.vid <> ''"),
    count("ips", "Events per client address and day, servers' too.",
          {**_SITE, Column("ip", Kind.TEXT, "Client address.", personal=True): "e.ip"},
          "e.ip <> ''"),
    count("dailies", "Events per client address and day, over all hosts.",
          {OID: "e.oid", Column("ip", Kind.TEXT, "Client address.", personal=True): "e.ip"},
          f"{CLIENT} AND e.ip <> ''", day="day"),
    count("referrers", "Where visitors came from, per day.",
          {**_SITE, Column("url", Kind.TEXT, "Where they came from."): "e.last"},
          f"{CLIENT} AND e.last <> ''"),
    count("browsers", "Events per user agent and day.",
          {**_SITE, Column("bhash", Kind.WORD, "Hash of the user agent."): "e.bhash",
           Column("browser", Kind.WORD, "User agent in lower case."): "e.agent"},
          f"{CLIENT} AND e.bhash <> ''"),
    count("outcomes", "Outcomes reached, per day.",
          {**_SITE, Column("outcome", Kind.WORD, "Outcome."): "e.outcome",
           Column("sink", Kind.WORD, "Sink of the funnel."): "e.sink",
           Column("url", Kind.TEXT, "Where it was reached."): "e.url"},
          f"{CLIENT} AND e.outcome <> ''", day="created"),
    COUNTERS,
    newest("hosts", "Hosts that events came for.",
           {**_SITE, Column("hostname", Kind.WORD, "Host."): "e.host"}, {},
           f"{CLIENT} AND e.host <> ''"),
    _hashed("emails", "ehash", "Hash of an e-mail address."),
    _hashed("cells", "chash", "Hash of a phone number."),
    _hashed("usernames", "uhash", "Hash of a user name."),
)

_EVENT = ", ".join(f"e.{column.name}" for column in EVENT_COLUMNS
                   if column.source is not From.BATCH)

VIEWS = (
    View("visitors", "The first event of each visitor.", "events", _EVENT,
         "WHERE e.vid <> ''", one_per=("e.oid", "e.vid")),
    View("visitors_latest", "The newest event of each visitor.", "events", _EVENT,
         "WHERE e.vid <> ''", one_per=("e.oid", "e.vid"), newest=True),
    View("sessions", "The first event of each session.", "events", _EVENT,
         "WHERE e.sid <> ''", one_per=("e.oid", "e.sid")),
    View("events_recent", "Events of the last seven days.", "events", _EVENT,
         "WHERE e.created_at >= now() - INTERVAL 7 DAY"),
    View("nodes", "The first sighting of a visitor at an address.", "events",
         "e.oid, e.hhash, e.vid, e.uid, e.iphash, e.ip, e.sid, e.created_at",
         "WHERE e.vid <> '' AND e.iphash <> ''",
         one_per=("e.oid", "e.hhash", "e.vid", "e.iphash")),
    View("locations", "The first sighting of a visitor at a place.", "events",
         "e.oid, e.hhash, e.vid, e.lat, e.lon, e.uid, e.sid, e.created_at",
         "WHERE e.vid <> '' AND e.lat IS NOT NULL AND e.lon IS NOT NULL",
         one_per=("e.oid", "e.hhash", "e.vid", "e.lat", "e.lon")),
    View("aliases", "The first pairing of a visitor and a signed-in user.", "events",
         "e.oid, e.hhash, e.vid, e.uid, e.sid, e.created_at", "WHERE e.vid <> '' AND e.uid <> ''",
         one_per=("e.oid", "e.hhash", "e.vid", "e.uid")),
    View("people", "Every event of somebody, and the `person` it is of: its `uid`; without one that"
         " of the only user who was ever signed in on the same device, else its `vid`.", "events",
         "CASE WHEN e.uid <> '' THEN e.uid WHEN a.users = 1 THEN a.one ELSE e.vid END AS person,"
         f" {_EVENT}",
         "LEFT JOIN (SELECT oid AS of_oid, vid AS of_vid, min(uid) AS one,"
         " count(DISTINCT uid) AS users FROM {db}events WHERE vid <> '' AND uid <> ''"
         " GROUP BY oid, vid) AS a ON e.oid = a.of_oid AND e.vid = a.of_vid"
         " WHERE e.vid <> '' OR e.uid <> ''"),
    View("user_sessions", "The first event of each session of a user.", "events",
         "e.oid, e.hhash, e.uid, e.vid, e.sid, e.created_at",
         "WHERE e.uid <> '' AND e.sid <> ''",
         one_per=("e.oid", "e.hhash", "e.uid", "e.vid", "e.sid")),
    View("routed", "The last URL reached from each address.", "events",
         "e.oid, e.hhash, e.ip, e.url, e.created_at AS updated_at",
         "WHERE e.ip <> '' AND e.url <> ''", one_per=("e.oid", "e.hhash", "e.ip"), newest=True),
    View("referrals", "The visitor who referred each visitor first.", "events",
         "e.oid, e.hhash, e.ref, e.vid, 0 AS gen, e.created_at",
         "WHERE e.vid <> '' AND e.ref <> ''", one_per=("e.oid", "e.hhash", "e.vid")),
    View("referred", "The first referral code of each visitor.", "events",
         "e.oid, e.hhash, e.rcode, e.vid, 0 AS gen, e.created_at",
         "WHERE e.vid <> '' AND e.rcode <> ''", one_per=("e.oid", "e.hhash", "e.vid")),
    View("last_event_by_vid_uid_ename", "When a visitor last did what.", "events",
         "e.oid, e.org, e.vid, e.uid, e.ename, e.created_at AS last_occurred,"
         " e.tid AS last_thread, date_diff('day', e.created_at, now()) AS days_since",
         "WHERE e.vid <> '' AND e.ename <> ''",
         one_per=("e.oid", "e.vid", "e.uid", "e.ename"), newest=True),
    View("last_event_by_user", "When a user last did what.", "events",
         "e.oid, e.org, e.uid, e.ename AS event_type, e.created_at AS last_event_time,"
         " date_diff('day', e.created_at, now()) AS days_since_event",
         "WHERE e.uid <> '' AND e.ename <> ''",
         one_per=("e.oid", "e.uid", "e.ename"), newest=True),
    View("conversion_funnel", "Visitors who converted: from first touch to conversion.", "events",
         "e.oid, e.org, e.vid, min(e.created_at) AS first_touch,"
         " max(CASE WHEN e.ename IN ('conversion', 'purchase', 'paid') THEN e.created_at END)"
         " AS conversion_time,"
         " date_diff('day', min(e.created_at), max(CASE WHEN e.ename IN"
         " ('conversion', 'purchase', 'paid') THEN e.created_at END)) AS days_to_conversion,"
         " max(CASE WHEN e.ename IN ('purchase', 'paid') THEN e.score END) AS conversion_value,"
         " max(CASE WHEN e.ename IN ('conversion', 'purchase', 'paid') THEN e.invoice_id"
         " ELSE '' END) AS invoice_id",
         "WHERE e.vid <> '' GROUP BY e.oid, e.org, e.vid"
         " HAVING count(CASE WHEN e.ename IN ('conversion', 'purchase', 'paid') THEN 1 END) > 0"),
    View("event_frequency", "How often each event happens, and to how many.", "events",
         "e.oid, e.org, e.ename AS event_type, count(*) AS total_events,"
         " count(DISTINCT CASE WHEN e.vid <> '' THEN e.vid END) AS unique_visitors,"
         " count(DISTINCT CASE WHEN e.uid <> '' THEN e.uid END) AS unique_users,"
         " min(e.created_at) AS first_seen, max(e.created_at) AS last_seen,"
         " avg(e.score) AS avg_score",
         "WHERE e.ename <> '' GROUP BY e.oid, e.org, e.ename"),
    View("impression_daily", "Impressions of message threads per day and variant.", "events",
         "e.oid, e.org, e.tid, CAST(e.created_at AS DATE) AS day, e.xid AS variant_id,"
         " e.campaign AS campaign_id, count(*) AS total_impressions,"
         " count(CASE WHEN e.uid = '' THEN 1 END) AS anonymous_impressions,"
         " count(CASE WHEN e.uid <> '' THEN 1 END) AS identified_impressions,"
         " count(DISTINCT CASE WHEN e.vid <> '' THEN e.vid END) AS unique_visitors,"
         " count(CASE WHEN e.ename = 'conversion' THEN 1 END) AS conversions,"
         " max(e.created_at) AS updated_at",
         "WHERE e.tid <> '' AND e.ename <> ''"
         " AND (e.ename = 'conversion' OR e.score IS NOT NULL)"
         " GROUP BY e.oid, e.org, e.tid, CAST(e.created_at AS DATE), e.xid, e.campaign"),
)
