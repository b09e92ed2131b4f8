"""Every key of `config.json` as data: name, kind, default, meaning, and whether it has effect."""

from dataclasses import dataclass
from enum import Enum

from tracker.settings import (
    BatchSettings,
    ConsentSettings,
    DoorSettings,
    IntakeSettings,
    QuerySettings,
    RefineSettings,
    SpoolSettings,
    StoreSettings,
)


class Form(Enum):
    """What JSON a key takes."""

    TEXT = "text"
    FLAG = "true or false"
    INTEGER = "a whole number"
    NUMBER = "a number"
    TEXTS = "a list of texts"
    SECTION = "an object"
    SECTIONS = "a list of objects"
    NUMBERS = "an object of numbers"
    ANY = "anything"


class Status(Enum):
    """Where a key comes from, and whether it has effect."""

    OURS = "ours"
    ORIGINAL = "original"
    LATER = "original, no effect in this version"
    RETIRED = "original, retired"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `keys` are those of a section; `least` the smallest number that is taken."""

    name: str
    form: Form
    default: object
    about: str
    status: Status = Status.ORIGINAL
    least: float | None = None
    keys: tuple["Key", ...] = ()


_BATCH = BatchSettings()
_CONSENT = ConsentSettings()
_DOOR = DoorSettings()
_INTAKE = IntakeSettings()
_QUERY = QuerySettings()
_REFINE = RefineSettings()
_SPOOL = SpoolSettings()
_STORE = StoreSettings("", "")


def _ours(name: str, form: Form, default: object, about: str, *,
          least: float | None = None, keys: tuple[Key, ...] = ()) -> Key:
    return Key(name, form, default, about, Status.OURS, least, keys)


def _later(name: str, form: Form, default: object, about: str) -> Key:
    return Key(name, form, default, about, Status.LATER)


def _retired(name: str, instead: str) -> Key:
    return Key(name, Form.ANY, None, instead, Status.RETIRED)


SPOOL_KEYS: tuple[Key, ...] = (
    _ours("SegmentBytes", Form.INTEGER, _SPOOL.segment_bytes,
          "Size of one segment file, made ahead of use.", least=1 << 16),
    _ours("Bytes", Form.INTEGER, _SPOOL.bytes,
          "Most bytes of segments and batches that wait for a store.", least=1 << 20),
    _ours("Days", Form.NUMBER, _SPOOL.days,
          "How long a batch waits for a store that is away.", least=0),
    _ours("KeepSeconds", Form.NUMBER, _SPOOL.keep_seconds,
          "How long landed batches are kept, for `tracker replay --store`.", least=0),
)

CURRENCY_KEYS: tuple[Key, ...] = (
    _ours("Base", Form.TEXT, "", "Currency (ISO 4217) that lifetime values are told in, and of"
          " payments that name none."),
    _ours("Rates", Form.NUMBERS, {}, "What one unit of another currency is in Base:"
          ' `{"USD": "0.92"}`. Counts for payments that arrive from the start on.'),
)

CONSENT_KEYS: tuple[Key, ...] = (
    _ours("Identity", Form.INTEGER, _CONSENT.identity,
          "Bits without which nothing is kept that tells whose event it is, and no cookie set; 0"
          " asks for none.", least=0),
    _ours("Params", Form.INTEGER, _CONSENT.params,
          "Bits without which `params`, `targets` and the texts of messages are not kept; 0 asks"
          " for none.", least=0),
    _ours("Assumed", Form.INTEGER, _CONSENT.assumed,
          "Flags that count for an event that has none; they are not stored.", least=0),
)

SERVICE_KEYS: tuple[Key, ...] = (
    Key("Service", Form.TEXT, "", "What it is: `chdb`, `duckdb`; with a trailing `_` it is off."),
    Key("Skip", Form.FLAG, False, "Off."),
    Key("Note", Form.TEXT, "", "For people; not read."),
    Key("Context", Form.TEXT, _STORE.context, "Database; for `duckdb` the name of the file."),
    Key("Critical", Form.FLAG, None, "With the spool's budget spent, wait for this store and answer"
        " 503, instead of leaving a gap in it; the default for the first store that keeps events."),
    Key("MaxBatchSize", Form.INTEGER, _BATCH.rows,
        "Most rows of a batch; of several stores the smallest counts.", least=1),
    Key("BatchFlushInterval", Form.NUMBER, _BATCH.linger_seconds * 1000,
        "Milliseconds until a batch is sealed; of several stores the smallest counts.", least=1),
    Key("BatchingEnabled", Form.ANY, True,
        "events always land in batches; MaxBatchSize bounds them", Status.RETIRED),
    *(_later(name, Form.ANY, None, "For services that this version does not have.")
      for name in ("Hosts", "Username", "Password", "Timeout", "CACert", "Cert", "Key", "Secure",
                   "Unencrypted", "Connections", "Retries", "AttemptAll", "EnableCompression",
                   "Filter", "Format", "MessageLimit",
                   "ByteLimit", "Consumer", "Ephemeral", "ProxyRealtimeStorageServiceName",
                   "ProxyRealtimeStorageServiceTables")),
    _later("Prune", Form.SECTIONS, (), "Rules for removing personal data."),
)

KEYS: tuple[Key, ...] = (
    # Where it listens
    Key("ProxyExceptHTTP", Form.TEXT, ":8880", "Plain HTTP, all routes: `:8880` or"
        " `127.0.0.1:8880`. With any of the three port keys given, a missing or empty one is off."),
    Key("ProxyPortTLS", Form.TEXT, ":8443", "HTTPS."),
    Key("ProxyPort", Form.TEXT, ":8080", "Redirects every request to HTTPS."),
    Key("ProxyPortRedirect", Form.TEXT, "",
        "Port that `ProxyPort` redirects to, where it is not that of `ProxyPortTLS`."),
    Key("UseLocalTLS", Form.FLAG, False,
        "Take the certificate of TLSCert and TLSKey instead of a self-signed one."),
    Key("TLSCert", Form.TEXT, "", "Certificate chain (PEM)."),
    Key("TLSKey", Form.TEXT, "", "Private key of the certificate (PEM)."),
    _ours("QueryPort", Form.TEXT, f"{_QUERY.host}:{_QUERY.port}",
          "ClickHouse's HTTP protocol in front of the embedded engine; `\"\"` is off. A port alone"
          " stands on 127.0.0.1."),
    _ours("QueryPassword", Form.TEXT, "", "Password that the query port asks user `default` for."),
    _ours("Workers", Form.INTEGER, 0,
          "Edge worker processes; 0 is one less than there are cores, at least 1.", least=0),
    _ours("StopSeconds", Form.NUMBER, 20,
          "How long a stop may take to answer what is in flight and land what is sealed.", least=0),
    # State
    _ours("DataDirectory", Form.TEXT, "./data",
          "All state. Relative paths start at the directory of the config file."),
    _ours("Spool", Form.SECTION, None, "Budget of the spool.", keys=SPOOL_KEYS),
    _ours("EidDays", Form.NUMBER, _BATCH.eid_days,
          "How long ids sent by clients are remembered, to drop repeats.", least=0),
    _ours("DeadLetterDays", Form.NUMBER, _BATCH.dead_letter_days,
          "How long dead letters are kept.", least=0),
    Key("Notify", Form.SECTIONS, (), "Stores that events go to; the embedded one when none is on.",
        keys=SERVICE_KEYS),
    Key("Consume", Form.SECTIONS, (), "Where messages come from besides HTTP.", keys=SERVICE_KEYS),
    # Requests
    Key("ApiVersion", Form.INTEGER, _INTAKE.api_version, "The `v1` in paths.", least=0),
    Key("AllowOrigin", Form.TEXT, _INTAKE.allow_origin, "Origin that scripts may send from."),
    Key("Domains", Form.TEXTS, (), "Hosts that redirects may lead to, and short links not:"
        " they can be linked to directly."),
    Key("DefaultRedirect", Form.TEXT, "", "Where a redirect without target leads."),
    Key("StaticDirectory", Form.TEXT, "", "Files to serve; empty is none."),
    _ours("TrustedProxies", Form.TEXTS, (), "Networks (CIDR) whose word on the client's address and"
          " host is believed."),
    Key("MaximumConnections", Form.INTEGER, _DOOR.connections,
        "Most connections at once; 0 is the default.", least=0),
    Key("MaxHeaderBytes", Form.INTEGER, _DOOR.header_bytes,
        "Most bytes of a request's head; 0 is the default.", least=0),
    Key("ReadHeaderTimeoutSeconds", Form.NUMBER, _DOOR.header_seconds,
        "Time for a request's head; 0 is the default, as for the other time-outs.", least=0),
    Key("ReadTimeoutSeconds", Form.NUMBER, _DOOR.body_seconds, "Time for a body.", least=0),
    Key("WriteTimeoutSeconds", Form.NUMBER, _DOOR.write_seconds,
        "Time for a client to take an answer.", least=0),
    Key("IdleTimeoutSeconds", Form.NUMBER, _DOOR.idle_seconds,
        "Time between two requests of a connection.", least=0),
    # What becomes of an event
    _ours("CreatedPastSeconds", Form.INTEGER, _REFINE.created_past_seconds,
          "How old a client's `created` may be; 0 is no limit.", least=0),
    _ours("CreatedFutureSeconds", Form.INTEGER, _REFINE.created_future_seconds,
          "How far ahead a client's `created` may be.", least=0),
    Key("UrlFilter", Form.TEXT, "", "Regular expression (Go's syntax) that `url` and `last` are cut"
        " by; empty is off."),
    Key("UrlFilterMatchGroup", Form.INTEGER, 0,
        "Group of UrlFilter that is kept; 0 is the last.", least=0),
    Key("IgnoreQueryParamsKey", Form.TEXT, "",
        "Query key that says not to read the others."),
    _ours("LowercaseValues", Form.FLAG, False, "Bring all text to lower case, as the original."),
    _ours("Currency", Form.SECTION, None, "What payments in several currencies are worth.",
          keys=CURRENCY_KEYS),
    Key("UseRegionDescriptions", Form.FLAG, _REFINE.region_descriptions, "Keep region and city."),
    Key("AccountHashMixer", Form.TEXT, "", "With it set, `acct` must match the host."),
    # Places
    Key("UseGeoIP", Form.FLAG, False, "Look up where an address is, for what the client does not"
        " say; without a file only its country."),
    _ours("GeoIPFiles", Form.TEXTS, (), "Files of places: `.mmdb`, IP2Location's `.BIN` and `.CSV`,"
          " or either in a zip. Of two with IPv4 (or IPv6) the first has it all."),
    Key("IPv4GeoIPZip", Form.TEXT, "", "IP2Location's CSV (DB1 to DB11) for IPv4, in a zip."),
    Key("IPv6GeoIPZip", Form.TEXT, "", "The same for IPv6."),
    Key("IPv4GeoIPCSVDest", Form.TEXT, "", "Name of the CSV in IPv4GeoIPZip; empty is the first."),
    Key("IPv6GeoIPCSVDest", Form.TEXT, "", "Name of the CSV in IPv6GeoIPZip; empty is the first."),
    Key("GeoIPVersion", Form.INTEGER, 0, "Another number reads the files anew, which otherwise"
        " happens when one changes.", least=0),
    # Privacy
    Key("UseRemoveIP", Form.FLAG, False, "Keep a hash that changes daily instead of each IP."),
    Key("PrefixPrivateHash", Form.TEXT, "", "Key of the hashes of e-mail, phone and user name;"
        " empty is a random one, made once in the data directory."),
    _ours("Consent", Form.SECTION, None, "The bits of `cflags` that an event needs to be kept"
          " whole; see [Consent](../howto/consent.md#keep-only-what-was-agreed-to).",
          keys=CONSENT_KEYS),
    _ours("Jurisdictions", Form.TEXT, "", "File that changes the list of laws at `/ppi/jds`."),
    _ours("LegacyHashes", Form.FLAG, False,
          "Make these hashes as the original (SHA-1), to join old data."),
    _ours("OwnLogs", Form.TEXT, "", "`warning` or `error`: what the tracker itself logs from this"
          " level on stands in the table `logs`, too; empty is off."),
    Key("Debug", Form.FLAG, False, "Log more, and errors with their traceback."),
    # Known, without effect
    *(_later(name, Form.ANY, default, about) for name, default, about in (
        ("CFlagsMarketing", 0, "Consent that Facebook needs."),
        ("CFlagsIgnore", False, "Forward to Facebook without consent."),
        ("HealthCheckInterval", 300, "Seconds between exports of DuckDB."),
        ("InactivityTimeoutSeconds", 0, "Export of DuckDB when idle."),
        ("MaxShardSizeBytes", 104857600, "Size of an export of DuckDB."),
        ("S3Bucket", "", "Where exports go."),
        ("S3Prefix", "", "Where exports go."),
        ("S3Region", "", "Where exports go."),
        ("S3AccessKeyID", "", "Account for exports."),
        ("S3SecretAccessKey", "", "Account for exports."),
        ("ProxyUrl", "", "Upstream of the reverse proxy."),
        ("ProxyUrlFilter", "", "Paths of the proxy that are not recorded."),
        ("ProxyForceJson", False, "Content type towards the upstream."),
        ("IgnoreProxyOptions", False, "Preflights of proxied paths."),
        ("ProxyDailyLimit", 0, "Requests of one address and day; 0 is off."),
        ("ProxyDailyLimitChecker", "", "Where these are counted."),
        ("PruneLimit", 0, "Most rows of one prune."),
        ("PruneLogsOnly", False, "Prune logs only."),
        ("PruneLogsSkip", False, "Prune all but logs."),
        ("PruneLogsTTL", 2592000, "Seconds that logs are kept."),
        ("PruneLogsPageSize", 0, "Rows of logs pruned at once."),
        ("PruneSkipToTimestamp", 0, "Where a prune goes on."),
        ("PruneUpdateConfig", False, "Write that place into the config."),
    )),
    _retired("TempDirectory", "all state lies in DataDirectory"),
    _retired("SchemaVersion", "the schema is brought up to date at start; see `tracker schema`"),
    _retired("NodeId", "a store process has an id of its own, made with the data directory"),
    _retired("IgnoreInsecureTLS", "it had no effect"),
    _retired("API", "it is not meant for files"),
    _retired("ConfigFile", "the file is named on the command line"),
    _retired("ProxyDailyLimitCheck", "it is not meant for files"),
    _retired("IsUrlFiltered", "UrlFilter says it"),
)

PORT_KEYS: tuple[str, ...] = ("ProxyExceptHTTP", "ProxyPortTLS", "ProxyPort")

HINTS: dict[str, str] = {
    "host": "ProxyExceptHTTP", "port": "ProxyExceptHTTP", "type": "Service",
    "maxbatchtime": "BatchFlushInterval", "letsencryptdomains": "Domains",
    "ratelimitperday": "ProxyDailyLimit", "geoipdatabase": "GeoIPFiles",
    "anonymizeip": "UseRemoveIP", "dataretentiondays": "Prune",
}
"""Names that older notes print but nothing ever read, with the key that does what they promise."""
