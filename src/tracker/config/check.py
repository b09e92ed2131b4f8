"""What a configuration comes to, in words, and why a start with it is refused."""

import importlib.util
import os
import ssl
import stat
from pathlib import Path

from tracker.errors import ExtraMissing, TrackerError
from tracker.jurisdictions import with_file
from tracker.settings import Listener, Settings

_SEGMENTS = 4
"""Of each worker: one in use, one made ahead, and room for what waits to be sealed."""

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_EXTRAS = {"duckdb": "duckdb"}


def refusals(settings: Settings) -> list[str]:
    """Every reason why no start is possible, each naming its key and the mend."""
    reasons = [state.refusal for state in settings.services if state.refusal is not None]
    for store in settings.stores:
        extra = _EXTRAS.get(store.service)
        if extra is not None and importlib.util.find_spec(store.service) is None:
            reasons.append(str(ExtraMissing(f'Notify: service "{store.service}"', extra)))
    if settings.geo is not None and not settings.geo.files \
            and importlib.util.find_spec("iptocc") is None:
        reasons.append(f'{ExtraMissing("UseGeoIP without a file", "geoip")}; or name a file in'
                       " GeoIPFiles")
    if settings.jurisdictions is not None:
        try:
            with_file(settings.jurisdictions)
        except TrackerError as error:
            reasons.append(f"Jurisdictions: {error}")
    reasons += _certificate_reasons(settings)
    spool = settings.spool
    least = _SEGMENTS * settings.workers * spool.segment_bytes
    if spool.bytes < least:
        reasons.append(f"Spool: Bytes is {spool.bytes}, but with {settings.workers} workers and"
                       f" segments of {spool.segment_bytes} bytes it must be {least} at least;"
                       " raise Bytes, or lower SegmentBytes")
    static = settings.intake.static_directory
    if static is not None and static.exists() and not static.is_dir():
        reasons.append(f"StaticDirectory: {static} is no directory")
    return reasons


def notes(settings: Settings) -> list[str]:
    """What does not stop a start, but should be known."""
    lines = list(settings.warnings)
    data = settings.data_directory
    if data.exists() and data.stat().st_mode & _WRITABLE_BY_OTHERS:
        lines.append(f"DataDirectory: others may write in {data}; chmod 700 keeps them out")
    static = settings.intake.static_directory
    if static is not None and not static.exists():
        lines.append(f"StaticDirectory: {static} does not exist; no files are served")
    lines += [f"UseGeoIP: {file.path} does not exist; places are looked up in it once it does"
              for file in (settings.geo.files if settings.geo is not None else ())
              if not file.path.exists()]
    return lines


def report(settings: Settings) -> str:
    """All that `tracker check` prints."""
    lines = [f"config   {settings.path or 'none, all defaults'}",
             f"data     {settings.data_directory}"]
    lines += [f"listen   {describe(listener)}" for listener in settings.listeners]
    query = settings.query
    lines.append("query    off" if query.port is None else
                 f"query    http://{query.host}:{query.port}"
                 + (" with a password" if query.password else ""))
    if settings.geo is not None:
        files = ", ".join(str(file.path) for file in settings.geo.files)
        lines.append(f"places   {files or 'countries, as the registries assigned addresses'}")
    lines += [f"service  {state.key} {state.service}: {_filled(state.says, settings)}"
              for state in settings.services]
    lines += [f"warning  {line}" for line in notes(settings)]
    lines += [f"REFUSED  {line}" for line in refusals(settings)]
    return "\n".join(lines)


def describe(listener: Listener) -> str:
    """A listener in words: `http://*:8880`."""
    host = f"[{listener.host}]" if ":" in listener.host else listener.host or "*"
    scheme = "https" if listener.tls else "http"
    if listener.redirect_to_port is None:
        return f"{scheme}://{host}:{listener.port}"
    return f"{scheme}://{host}:{listener.port} redirects to https, port {listener.redirect_to_port}"


def _filled(says: str, settings: Settings) -> str:
    return says.replace("{data}", str(settings.data_directory))


def _certificate_reasons(settings: Settings) -> list[str]:
    if not any(listener.tls for listener in settings.listeners):
        return []
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return []
    missing = [f"{name}: {path} cannot be read; name a PEM file, or set UseLocalTLS to false for"
               " a self-signed certificate"
               for name, path in (("TLSCert", certificate), ("TLSKey", key))
               if not _is_readable(path)]
    return missing or _pair_reasons(certificate, key)


def _pair_reasons(certificate: Path, key: Path) -> list[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        pair = f"{certificate} and {key}"
        return [f"TLSCert, TLSKey: {pair} are no certificate and its unencrypted key: {error}"]
    return []


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
