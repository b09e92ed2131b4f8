"""One frozen section per room: what each needs to know of the configuration, with defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from re import Pattern

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """How much the spool may hold, and in what pieces.

    `segment_bytes`  size of one preallocated segment file
    `bytes`          most bytes of segments and unlanded batches together
    `days`           how long an unlanded batch is kept for a store that is away
    `keep_seconds`   how long landed batches are kept, for `tracker replay --store`
    """

    segment_bytes: int = 64 << 20
    bytes: int = 16 << 30
    days: float = 7.0
    keep_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Listener:
    """One address to listen on; `host` is "" for all, `port` 0 for a free one."""

    host: str
    port: int
    tls: bool = False
    redirect_to_port: int | None = None  # answers every request with a redirect to https


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Bounds of a connection; seconds, bytes, and connections of one worker."""

    header_seconds: float = 20.0
    body_seconds: float = 20.0
    write_seconds: float = 20.0
    idle_seconds: float = 20.0
    header_bytes: int = 64 << 10
    body_bytes: int = 4 << 20
    connections: int = 150_000


@dataclass(frozen=True, slots=True)
class ConsentSettings:
    """The bits of `cflags` that an event needs, all of them, to be kept whole; 0 asks for none.

    `identity`  for what tells whose event it is, and for cookies that keep a visitor
    `params`    for what it says in keys and words of its own
    `assumed`   the flags that count for an event with none
    """

    identity: int = 0
    params: int = 0
    assumed: int = 0


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What the tracking routes take and answer."""

    api_version: int = 1
    allow_origin: str = "*"
    trusted_proxies: tuple[Network, ...] = ()
    domains: tuple[str, ...] = ()
    default_redirect: str = ""
    static_directory: Path | None = None
    body_bytes: int = 4 << 20  # also the most bytes after content decoding
    events_per_request: int = 10_000
    json_depth: int = 64
    keys_per_event: int = 2_000
    ignore_query_key: str = ""  # as in RefineSettings, so that cookies name the ids in use
    consent: ConsentSettings = ConsentSettings()


@dataclass(frozen=True, slots=True)
class RefineSettings:
    """How hits become events.

    `private_key`  key of the hashes of personal data; the text of PrefixPrivateHash as bytes, or
                   random bytes made once in the data directory
    `base_currency`  what lifetime values are in; "" leaves each payment in its own currency
    `rates`          units of the base currency for one unit of each other
    """

    api_version: int = 1
    ignore_query_key: str = ""
    url_filter: Pattern[str] | None = None
    url_filter_group: int = 0
    lowercase_values: bool = False
    legacy_hashes: bool = False
    private_prefix: str = field(default="", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    remove_ip: bool = False
    region_descriptions: bool = True
    account_hash_mixer: str = ""
    created_past_seconds: int = 604_800
    created_future_seconds: int = 300
    base_currency: str = ""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    consent: ConsentSettings = ConsentSettings()


@dataclass(frozen=True, slots=True)
class GeoFile:
    """A file of places. `member` names what is read of an archive, "" is the first with data.

    `v6`  its addresses are of IPv6, of IPv4; None: each row tells by itself
    """

    path: Path
    member: str = ""
    v6: bool | None = None


@dataclass(frozen=True, slots=True)
class GeoSettings:
    """Where addresses are looked up; without files only countries, by the registries' data."""

    files: tuple[GeoFile, ...] = ()
    version: int = 0  # another one makes all anew


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """When a batch is sealed, and how long ids of clients are remembered."""

    rows: int = 10_000
    rows_behind: int = 50_000  # when the spool backs up
    bytes: int = 64 << 20
    linger_seconds: float = 1.0  # at most; half of it where there is some traffic
    partitions: int = 90
    eid_days: float = 3.0
    eid_entries: int = 8_000_000
    dead_letter_days: float = 30.0


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """One store that is switched on: a service of `Notify`, or the default."""

    name: str  # unique: the service, with -2, -3 … when it stands twice
    service: str
    context: str = "sfpla"
    hosts: tuple[str, ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    critical: bool = False
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What one service of `Notify` or `Consume` comes to, as `tracker check` tells it.

    `refusal` says why no start is possible with this service, and what to do; None is fine.
    """

    key: str  # where it stands: "Notify[0]"
    service: str
    on: bool
    says: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """The ClickHouse HTTP endpoint, and the process that it runs queries in.

    `engine_bytes`  memory of all queries together; the engine keeps to it
    `beside_bytes`  memory of the process besides; with more than both it is killed
    """

    host: str = "127.0.0.1"
    port: int | None = 8123  # None is off, 0 a free port
    password: str = field(default="", repr=False)
    concurrent: int = 4
    seconds: float = 60.0
    memory_bytes: int = 768 << 20  # of one query
    result_bytes: int = 1 << 30
    spill_bytes: int = 1 << 30  # of one query, on disk, where memory does not do
    engine_bytes: int = 2 << 30
    beside_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """All of the configuration, resolved: no environment marks, no relative paths."""

    path: Path | None
    data_directory: Path
    listeners: tuple[Listener, ...]
    workers: int
    stop_seconds: float
    debug: bool
    door: DoorSettings
    intake: IntakeSettings
    spool: SpoolSettings
    refine: RefineSettings
    batches: BatchSettings
    stores: tuple[StoreSettings, ...]
    query: QuerySettings
    geo: GeoSettings | None = None
    jurisdictions: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    services: tuple[ServiceState, ...] = ()
    warnings: tuple[str, ...] = ()
    own_logs: int | None = None  # the least level (of `logging`) of own lines that are rows too
