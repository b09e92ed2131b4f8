"""Servers of HTTP that keep something: web servers with a log, the OpenTelemetry Collector."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.files import lines_of
from bench.peers.programs import environment, find
from bench.rig import payloads
from bench.rig.daemon import Daemon
from bench.rig.nginx import LOGGING, Nginx
from bench.rig.scenario import PIXEL, Requests
from bench.rig.servers import free_port
from bench.rig.wrk import Load, Outcome, drive

if TYPE_CHECKING:
    from bench.rig.bench import Bench

_CADDY = """\
{{
  admin off
  auto_https off
  storage file_system {folder}
}}
http://127.0.0.1:{port} {{
  respond 200
  log {{
    output file {folder}/access.log {{
      roll_disabled
    }}
  }}
}}
"""

_OTEL = """\
extensions:
  file_storage: {{directory: {folder}/queue, create_directory: true, fsync: true}}
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  debug: {{verbosity: basic, sampling_initial: 1, sampling_thereafter: 1000000,
          sending_queue: {{enabled: true, queue_size: 1000000{storage}}}}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [debug]}}}}
"""


@dataclass(frozen=True, slots=True)
class Http:
    """A server of HTTP under wrk; `log` is what it keeps, a line for each request, if it does."""

    server: Nginx | Daemon
    url: str
    load: Load
    log: Path | None

    def processes(self) -> dict[str, int]:
        """Those of the server."""
        return self.server.processes()

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """A round of wrk."""
        return drive(self.load, self.url, seconds, cores)

    def kept(self) -> int | None:
        """Lines of the log."""
        return None if self.log is None else lines_of(self.log)

    def stop(self) -> None:
        """End it."""
        self.server.stop()


def nginx_log(bench: "Bench", folder: Path) -> Http:
    """nginx that answers a pixel and writes its access log."""
    server = Nginx(folder, LOGGING, [bench.cores.server])
    return Http(server, server.url, bench.load(PIXEL), server.log)


def caddy_log(bench: "Bench", folder: Path) -> Http:
    """Caddy that answers 200 and writes its access log."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "Caddyfile"
    config.write_text(_CADDY.format(port=port, folder=folder))
    server = Daemon([find("caddy"), "run", "--config", config, "--adapter", "caddyfile"], folder,
                    port, [bench.cores.server], environment() | {"HOME": str(folder)})
    return Http(server, f"http://127.0.0.1:{port}", bench.load(PIXEL),
                folder / "access.log")


def otel(bench: "Bench", folder: Path, *, synced: bool) -> Http:
    """The OpenTelemetry Collector: one log record a request, in a queue on disk or in memory."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "otel.yaml"
    config.write_text(_OTEL.format(port=port, folder=folder,
                                   storage=", storage: file_storage" if synced else ""))
    server = Daemon([find("otelcol"), "--config", config], folder, port, [bench.cores.server])
    record = {"timeUnixNano": "1764000000000000000", "body": {"stringValue": payloads.EVENT}}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    return Http(server, f"http://127.0.0.1:{port}/v1/logs",
                bench.load(Requests(path="/v1/logs", body=lambda: body)), None)
