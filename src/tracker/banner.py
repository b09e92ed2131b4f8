"""What a start prints for people: where it listens, where data lie, what to try first."""

from collections.abc import Sequence
from pathlib import Path

from tracker.settings import Listener, Settings

_QUERY = "SELECT created_at, ename, vid, url FROM events ORDER BY created_at DESC LIMIT 10"
_EVENT = '{"vid":"first-visitor","ename":"page_view","url":"https://example.com/"}'


def banner(settings: Settings, addresses: Sequence[Listener]) -> str:
    """The lines to print; `addresses` are those bound, with the ports that were found free."""
    lines = ["", "Tracker is running.", ""]
    lines += [f"  listens on    {_describe(listener)}" for listener in addresses]
    lines.append(f"  data          {settings.data_directory}")
    lines.append(f"  stores        {', '.join(store.name for store in settings.stores)}")
    if settings.query.port is not None:
        lines.append(f"  SQL           http://{settings.query.host}:{settings.query.port}")
    lines += ["", "Send an event, then ask for it:", "", f"  {_curl(settings, addresses)}"]
    if settings.query.port is not None:
        lines.append(f"  {_sql(settings)}")
    return "\n".join([*lines, "", "Ctrl-C stops it; nothing that was answered is lost.", ""])


def _describe(listener: Listener) -> str:
    if listener.redirect_to_port is not None:
        return f"{_url(listener)} (redirects to https, port {listener.redirect_to_port})"
    return _url(listener)


def _url(listener: Listener) -> str:
    host = listener.host or "localhost"
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if listener.tls else 'http'}://{shown}:{listener.port}"


def _curl(settings: Settings, addresses: Sequence[Listener]) -> str:
    direct = [listener for listener in addresses if listener.redirect_to_port is None]
    if not direct:
        return "(no listener answers events: set ProxyExceptHTTP)"
    first = min(direct, key=lambda listener: listener.tls)
    insecure = "-k " if first.tls else ""
    path = f"/tr/v{settings.intake.api_version}/tr/"
    return f"curl -i {insecure}{_url(first)}{path} -d '{_EVENT}'"


def _sql(settings: Settings) -> str:
    """The command, naming the config file where it would not be found by itself."""
    config = "" if settings.path is None or settings.path == Path("config.json") else (
        f"--config {settings.path} ")
    return f'tracker sql {config}"{_QUERY}"'
