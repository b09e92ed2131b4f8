"""Asks a running tracker how it is, and says it for people; what `tracker status` does."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Final

from tracker.errors import ConfigError
from tracker.settings import Settings

SECONDS: Final = 5.0

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not bound


def health_url(settings: Settings) -> str:
    """Where a tracker of this config answers; plain HTTP before TLS."""
    answering = [(listener.tls, listener.host, listener.port) for listener in settings.listeners
                 if listener.redirect_to_port is None]
    if not answering:
        raise ConfigError("the config has no address that answers; name one with --url")
    tls, host, port = min(answering)
    if port == 0:
        raise ConfigError(f"{'ProxyPortTLS' if tls else 'ProxyExceptHTTP'} is 0, so a start picks a"
                          " free port and prints it; name the address with --url")
    host = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"{'https' if tls else 'http'}://{host}:{port}/health"


def ask(url: str) -> dict[str, Any] | None:
    """What `/health` says at `url`, None where nothing answers; raises `ConfigError`.

    The certificate is not looked at: the one of the config is often of another name, and what is
    asked is no secret.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--url {url}: write http://… or https://…")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:  # noqa: S310 - checked above
            said = answer.read(1 << 20)
    except urllib.error.HTTPError as error:  # 503 says how it is as well
        said = error.read(1 << 20)
    except (OSError, http.client.HTTPException):
        return None
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "stores" not in found:
        raise ConfigError(f"what answers at {url} is no tracker")
    return found


def describe(health: dict[str, Any]) -> list[str]:
    """Lines: the whole, what takes events, each store, and what is wrong."""
    spool, starting = health["spool"], health["status"] == "starting"
    taking = "takes events" if spool["accepting"] else "takes nothing"
    lines = [f"status   {health['status']}",
             f"edge     {taking}, {_count(spool['workers'], 'worker')}"]
    if spool["last_error"]:
        lines.append(f"         {spool['last_error']}")
    if spool["corrupt"]:
        lines.append(f"         {_count(spool['corrupt'], 'damaged record')} found and set aside")
    for name, store in health["stores"].items():
        state = ("suspended" if store["suspended"] else "lands" if store["reachable"] else
                 "is not open yet" if starting and not store["last_error"] else "is away")
        behind = ("" if store["lag_events"] is None else
                  f", {_count(store['lag_events'], 'event')} behind"
                  f" ({store['lag_seconds'] or 0:.1f} s)")
        lines.append(f"store    {name} {state}{behind}")
        if store["last_error"]:
            lines.append(f"         {store['last_error']}")
    if "queries" in health:
        lines.append("queries  are answered" if health["queries"]["answering"]
                     else f"queries  are not answered{' yet' if starting else ''}")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
