"""Builds `Settings` from a config file, the environment and the defaults."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from math import ceil
from pathlib import Path
from re import Pattern
from typing import TypeVar
from urllib.parse import urlsplit

from tracker.config.address import is_loopback, parse_address
from tracker.config.goregex import compile_go
from tracker.config.keys import (
    CONSENT_KEYS,
    CURRENCY_KEYS,
    KEYS,
    PORT_KEYS,
    SPOOL_KEYS,
    Key,
)
from tracker.config.read import Reader, Values, parse
from tracker.config.services import Services, read_services
from tracker.errors import ConfigError
from tracker.machine import machine_bytes
from tracker.money import currency_code
from tracker.settings import (
    BatchSettings,
    ConsentSettings,
    DoorSettings,
    GeoFile,
    GeoSettings,
    IntakeSettings,
    Listener,
    Network,
    QuerySettings,
    RefineSettings,
    Settings,
    SpoolSettings,
)

DEFAULT_NAME = "config.json"

_GREATEST_RATE = 10**9
_OWN_LEVELS = {"warning": logging.WARNING, "error": logging.ERROR}

T = TypeVar("T")


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file at `path`, or of `config.json` here, or else the defaults.

    Makes nothing and looks at no other file but those that hold secrets. Services that cannot
    start are told in `services`, so that a check can list them all. Raises `ConfigError`.
    """
    if path is None and Path(DEFAULT_NAME).is_file():
        path = Path(DEFAULT_NAME)
    if path is None:
        return _build({}, None, Reader(environ, Path.cwd()))
    try:
        tree = parse(path.read_text(encoding="utf-8-sig"))
        return _build(tree, path, Reader(environ, path.absolute().parent))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Given:
    """Values by key, with the default of the key's row where none is given."""

    values: Values
    keys: Mapping[str, Key]

    def get(self, name: str, kind: type[T]) -> T:
        value = self.values.get(name, self.keys[name].default)
        assert isinstance(value, kind), name
        return value

    def text(self, name: str) -> str:
        return self.get(name, str)

    def flag(self, name: str) -> bool:
        return self.get(name, bool)

    def integer(self, name: str) -> int:
        return self.get(name, int)

    def number(self, name: str) -> float:
        value = self.values.get(name, self.keys[name].default)
        assert isinstance(value, int | float)
        return float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name, ())
        assert isinstance(value, list | tuple)
        return tuple(value)

    def sections(self, name: str) -> list[Values]:
        value = self.values.get(name, [])
        assert isinstance(value, list)
        return value

    def or_default(self, name: str) -> float:
        """A number of which 0 stands for the default."""
        default = self.keys[name].default
        assert isinstance(default, int | float)
        return self.number(name) or float(default)


def _build(tree: Mapping[str, object], path: Path | None, reader: Reader) -> Settings:
    given = _Given(reader.section(tree, KEYS), {key.name: key for key in KEYS})
    directory = Path.cwd() if path is None else path.absolute().parent
    services = read_services(given.sections("Notify"), given.sections("Consume"))
    data_directory = directory / given.text("DataDirectory")
    workers = given.integer("Workers") or max(1, len(os.sched_getaffinity(0)) - 1)
    certificate, key = _certificate(given, directory)
    listeners = _listeners(given)
    refine = _refine(given)
    _warn(given, reader, listeners, certificate, refine.url_filter)
    return Settings(
        path=path,
        data_directory=data_directory,
        listeners=listeners,
        workers=workers,
        stop_seconds=given.number("StopSeconds"),
        debug=given.flag("Debug"),
        door=_door(given, workers),
        intake=_intake(given, directory),
        spool=_spool(given),
        refine=refine,
        batches=_batches(given, services),
        stores=services.stores,
        query=_query(given),
        geo=_geo(given, directory) if given.flag("UseGeoIP") else None,
        jurisdictions=directory / own if (own := given.text("Jurisdictions")) else None,
        tls_certificate=certificate,
        tls_key=key,
        services=services.states,
        warnings=reader.warnings,
        own_logs=_own_logs(given.text("OwnLogs")),
    )


def _own_logs(text: str) -> int | None:
    level = text.strip().lower()
    if level and level not in _OWN_LEVELS:
        raise ConfigError(f'OwnLogs: "{text}" is no level; write {" or ".join(_OWN_LEVELS)}, or'
                          ' "" for none')
    return _OWN_LEVELS.get(level)


def _listeners(given: _Given) -> tuple[Listener, ...]:
    """Plain, TLS and redirecting listeners; all three with no port key given."""
    any_given = any(name in given.values for name in PORT_KEYS)
    addresses = {
        name: parse_address(name, text)
        for name in PORT_KEYS
        if (text := str(given.values.get(name, "")) if any_given else given.text(name)).strip()
    }
    if not addresses:
        raise ConfigError(f"nothing to listen on: {', '.join(PORT_KEYS)} are all empty;"
                          ' give one an address, such as "ProxyExceptHTTP": ":8880"')
    listeners = []
    if plain := addresses.get("ProxyExceptHTTP"):
        listeners.append(Listener(*plain))
    if tls := addresses.get("ProxyPortTLS"):
        listeners.append(Listener(*tls, tls=True))
    if redirecting := addresses.get("ProxyPort"):
        target = _redirect_port(given, tls)
        listeners.append(Listener(*redirecting, redirect_to_port=target))
    _refuse_repeats(listeners)
    return tuple(listeners)


def _redirect_port(given: _Given, tls: tuple[str, int] | None) -> int:
    text = given.text("ProxyPortRedirect")
    if text.strip():
        return parse_address("ProxyPortRedirect", text)[1]
    return 443 if tls is None else tls[1]


def _refuse_repeats(listeners: Sequence[Listener]) -> None:
    ports = [listener.port for listener in listeners if listener.port]
    for port in ports:
        hosts = [listener.host for listener in listeners if listener.port == port]
        if len(set(hosts)) < len(hosts) or (len(hosts) > 1 and "" in hosts):
            raise ConfigError(f"port {port} stands in two of {', '.join(PORT_KEYS)}; give each its"
                              " own")


def _certificate(given: _Given, directory: Path) -> tuple[Path | None, Path | None]:
    """Paths of certificate and key; None is a self-signed one."""
    if not given.flag("UseLocalTLS"):
        return None, None
    for name in ("TLSCert", "TLSKey"):
        if not given.text(name):
            raise ConfigError(f"{name}: missing; UseLocalTLS needs TLSCert and TLSKey, or set it"
                              " to false for a self-signed certificate")
    return directory / given.text("TLSCert"), directory / given.text("TLSKey")


def _warn(given: _Given, reader: Reader, listeners: Sequence[Listener],
          certificate: Path | None, pattern: Pattern[str] | None) -> None:
    if "ProxyPortTLS" in given.values and certificate is None and any(
            listener.tls for listener in listeners):
        reader.warn("ProxyPortTLS: the certificate is self-signed, which browsers refuse; set"
                    " UseLocalTLS, TLSCert and TLSKey")
    group = given.integer("UrlFilterMatchGroup")
    if pattern is not None and group > pattern.groups:
        reader.warn(f"UrlFilterMatchGroup: UrlFilter has no group {group}, but {pattern.groups};"
                    " URLs are only cut at the first ?")
    if given.text("PrefixPrivateHash") == "" and given.flag("LegacyHashes"):
        reader.warn("LegacyHashes without PrefixPrivateHash: anyone can find the e-mail address"
                    " behind a hash by trying")


def _door(given: _Given, workers: int) -> DoorSettings:
    return DoorSettings(
        header_seconds=given.or_default("ReadHeaderTimeoutSeconds"),
        body_seconds=given.or_default("ReadTimeoutSeconds"),
        write_seconds=given.or_default("WriteTimeoutSeconds"),
        idle_seconds=given.or_default("IdleTimeoutSeconds"),
        header_bytes=int(given.or_default("MaxHeaderBytes")),
        connections=ceil(given.or_default("MaximumConnections") / workers),
    )


def _intake(given: _Given, directory: Path) -> IntakeSettings:
    static = given.text("StaticDirectory")
    return IntakeSettings(
        api_version=given.integer("ApiVersion"),
        allow_origin=given.text("AllowOrigin") or "*",
        trusted_proxies=tuple(_network(text) for text in given.texts("TrustedProxies")),
        domains=tuple(host.strip().lower() for host in given.texts("Domains")),
        default_redirect=_web_url("DefaultRedirect", given.text("DefaultRedirect")),
        static_directory=directory / static if static else None,
        ignore_query_key=given.text("IgnoreQueryParamsKey"),
        consent=_consent(given),
    )


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise ConfigError(f'TrustedProxies: "{text}" is no network; write "10.0.0.0/8" or'
                          ' "192.0.2.7"') from None


def _web_url(key: str, text: str) -> str:
    if text and not _is_web_url(text):
        raise ConfigError(f'{key}: "{text}" is no web address; write "https://example.com"')
    return text


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets around what is no address
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username


def _spool(given: _Given) -> SpoolSettings:
    section = given.values.get("Spool", {})
    assert isinstance(section, dict)
    spool = _Given(section, {key.name: key for key in SPOOL_KEYS})
    return SpoolSettings(
        segment_bytes=spool.integer("SegmentBytes"),
        bytes=spool.integer("Bytes"),
        days=spool.number("Days"),
        keep_seconds=spool.number("KeepSeconds"),
    )


def _refine(given: _Given) -> RefineSettings:
    url_filter = given.text("UrlFilter")
    prefix = given.text("PrefixPrivateHash")
    base, rates = _currency(given)
    return RefineSettings(
        api_version=given.integer("ApiVersion"),
        ignore_query_key=given.text("IgnoreQueryParamsKey"),
        url_filter=compile_go("UrlFilter", url_filter) if url_filter else None,
        url_filter_group=given.integer("UrlFilterMatchGroup"),
        lowercase_values=given.flag("LowercaseValues"),
        legacy_hashes=given.flag("LegacyHashes"),
        private_prefix=prefix,
        private_key=prefix.encode(),
        remove_ip=given.flag("UseRemoveIP"),
        region_descriptions=given.flag("UseRegionDescriptions"),
        account_hash_mixer=given.text("AccountHashMixer"),
        created_past_seconds=given.integer("CreatedPastSeconds"),
        created_future_seconds=given.integer("CreatedFutureSeconds"),
        base_currency=base,
        rates=rates,
        consent=_consent(given),
    )


def _consent(given: _Given) -> ConsentSettings:
    section = given.values.get("Consent", {})
    assert isinstance(section, dict)
    consent = _Given(section, {key.name: key for key in CONSENT_KEYS})
    return ConsentSettings(*(consent.integer(key.name) for key in CONSENT_KEYS))


def _currency(given: _Given) -> tuple[str, dict[str, Decimal]]:
    """The base currency, "" for none, and what one unit of others is in it."""
    section = given.values.get("Currency", {})
    assert isinstance(section, dict)
    currency = _Given(section, {key.name: key for key in CURRENCY_KEYS})
    base, rates = currency.text("Base").strip(), currency.get("Rates", dict)
    if rates and not base:
        raise ConfigError('Currency.Rates: no Base to convert into; add "Base": "EUR"')
    return (_code("Currency.Base", base) if base else "",
            {_code("Currency.Rates", code): _rate(code, rate) for code, rate in rates.items()})


def _code(key: str, text: str) -> str:
    code = currency_code(text)
    if code is None:
        raise ConfigError(f'{key}: "{text}" is no currency of ISO 4217; write its code, such as'
                          ' "EUR"')
    return code


def _rate(code: str, rate: object) -> Decimal:
    try:
        value = Decimal(str(rate))
    except InvalidOperation:
        value = Decimal(0)
    if not (value.is_finite() and 0 < value <= _GREATEST_RATE):
        raise ConfigError(f"Currency.Rates.{code}: {rate} is no rate; write what one {code} is in"
                          ' Base, such as "0.92"')
    return value


def _geo(given: _Given, directory: Path) -> GeoSettings:
    """The files of the original's keys, then ours."""
    zips = tuple(
        GeoFile(directory / path, given.text(f"{version}GeoIPCSVDest"), v6=version == "IPv6")
        for version in ("IPv4", "IPv6") if (path := given.text(f"{version}GeoIPZip")))
    others = tuple(GeoFile(directory / path) for path in given.texts("GeoIPFiles"))
    return GeoSettings(zips + others, given.integer("GeoIPVersion"))


def _batches(given: _Given, services: Services) -> BatchSettings:
    defaults = BatchSettings()
    rows = services.smallest("MaxBatchSize")
    milliseconds = services.smallest("BatchFlushInterval")
    return BatchSettings(
        rows=defaults.rows if rows is None else int(rows),
        linger_seconds=defaults.linger_seconds if milliseconds is None else milliseconds / 1000,
        eid_days=given.number("EidDays"),
        dead_letter_days=given.number("DeadLetterDays"),
    )


def _query(given: _Given) -> QuerySettings:
    text, password = given.text("QueryPort"), given.text("QueryPassword")
    if not text.strip():
        return QuerySettings(port=None, password=password)
    host, port = parse_address("QueryPort", text)
    host = host or QuerySettings().host
    if not is_loopback(host) and not password:
        raise ConfigError(f"QueryPort: {host} can be reached from other machines; set"
                          " QueryPassword, or stay on 127.0.0.1")
    most = QuerySettings().engine_bytes
    return QuerySettings(host=host, port=port, password=password,
                         engine_bytes=min(most, machine_bytes() // 4))
