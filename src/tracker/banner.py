"""What a start prints for people: where it listens, where data lie, what to try first."""

import shutil
import sys
from pathlib import Path

from tracker.settings import Listener, Settings

_QUERY = "SELECT created_at, ename, vid, url FROM events ORDER BY created_at DESC LIMIT 10"
_EVENT = '{"vid":"first-visitor","ename":"page_view","url":"https://example.com/"}'


def banner(settings: Settings, running: Settings) -> str:
    """The lines to print; `running` has the ports that were found where a free one was asked."""
    lines = ["", "Tracker is running.", ""]
    lines += [f"  listens on    {_described(listener)}" for listener in running.listeners]
    lines.append(f"  data          {running.data_directory}")
    lines.append(f"  stores        {', '.join(store.name for store in running.stores)}")
    query = running.query
    if query.port is not None:
        lines.append(f"  SQL           http://{_shown(query.host)}:{query.port}")
    lines += ["", *_first_steps(settings, running)]
    return "\n".join([*lines, "", "Ctrl-C stops it; what was answered is not lost.", ""])


def _first_steps(settings: Settings, running: Settings) -> list[str]:
    answering = [(listener.tls, _url(listener)) for listener in running.listeners
                 if listener.redirect_to_port is None]
    if not answering:
        return ["No address takes events: give ProxyExceptHTTP or ProxyPortTLS one."]
    tls, url = min(answering)
    insecure = "-k " if tls else ""
    path = f"/tr/v{settings.intake.api_version}/tr/"
    curl = f"curl -i {insecure}{url}{path} -d '{_EVENT}'"
    lines = ["Send an event, then ask for it:", "", f"  {curl}"]
    if running.query.port is not None:
        lines.append(f'  {_command()} sql {_options(settings, running)}"{_QUERY}"')
    return lines


def _described(listener: Listener) -> str:
    if listener.redirect_to_port is None:
        return _url(listener)
    return f"{_url(listener)} (redirects to https, port {listener.redirect_to_port})"


def _url(listener: Listener) -> str:
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://{_shown(listener.host or 'localhost')}:{listener.port}"


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


def _options(settings: Settings, running: Settings) -> str:
    """What `tracker sql` has to be told beyond the config that it finds by itself."""
    options = ""
    if settings.path is not None and settings.path != Path("config.json"):
        options += f"--config {settings.path} "
    if running.query.port != settings.query.port:
        options += f"--port {running.query.port} "
    return options
