"""What a start prints for people: where it listens, where data lie, what to try first."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tracker.settings import Listener, Settings

_QUERY = "SELECT created_at, ename, vid, url FROM events ORDER BY created_at DESC LIMIT 10"
_EVENT = '{"vid":"first-visitor","ename":"page_view","url":"https://example.com/"}'


def banner(settings: Settings, addresses: Sequence[tuple[Listener, int]],
           query_port: int | None) -> str:
    """The lines to print; `addresses` are the listeners with the ports that they got."""
    lines = ["", "Tracker is running.", ""]
    lines += [f"  listens on    {_described(listener, port)}" for listener, port in addresses]
    lines.append(f"  data          {settings.data_directory}")
    lines.append(f"  stores        {', '.join(store.name for store in settings.stores)}")
    if query_port is not None:
        lines.append(f"  SQL           http://{_shown(settings.query.host)}:{query_port}")
    lines += ["", *_first_steps(settings, addresses, query_port)]
    return "\n".join([*lines, "", "Ctrl-C stops it; what was answered is not lost.", ""])


def _first_steps(settings: Settings, addresses: Sequence[tuple[Listener, int]],
                 query_port: int | None) -> list[str]:
    answering = [(listener.tls, _url(listener, port)) for listener, port in addresses
                 if listener.redirect_to_port is None]
    if not answering:
        return ["No address takes events: give ProxyExceptHTTP or ProxyPortTLS one."]
    tls, url = min(answering)
    insecure = "-k " if tls else ""
    path = f"/tr/v{settings.intake.api_version}/tr/"
    curl = f"curl -i {insecure}{url}{path} -d '{_EVENT}'"
    lines = ["Send an event, then ask for it:", "", f"  {curl}"]
    if query_port is not None:
        lines.append(f'  {_command()} sql {_options(settings, query_port)}"{_QUERY}"')
    return lines


def _described(listener: Listener, port: int) -> str:
    if listener.redirect_to_port is None:
        return _url(listener, port)
    return f"{_url(listener, port)} (redirects to https, port {listener.redirect_to_port})"


def _url(listener: Listener, port: int) -> str:
    return f"{'https' if listener.tls else 'http'}://{_shown(listener.host or 'localhost')}:{port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _command() -> str:
    """How this `tracker` is called: by its path where it is not on PATH."""
    started = Path(sys.argv[0])
    found = shutil.which("tracker")
    if started.name != "tracker" or (found and Path(found).samefile(started)):
        return "tracker"
    here = Path.cwd()
    return str(started.relative_to(here) if started.is_relative_to(here) else started)


def _options(settings: Settings, query_port: int) -> str:
    """What `tracker sql` has to be told beyond the config that it finds by itself."""
    options = ""
    if settings.path is not None and settings.path != Path("config.json"):
        options += f"--config {settings.path} "
    if query_port != settings.query.port:
        options += f"--port {query_port} "
    return options
