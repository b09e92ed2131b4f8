"""nginx with one worker: the limit of HTTP, of TLS, and of a web server that keeps a log."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers.programs import find
from bench.rig import procs
from bench.rig.daemon import Daemon
from bench.rig.servers import free_port

_CONFIG = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error crit;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}{listen}; {says} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the one server of a configuration does."""

    says: str
    listen: str = ""
    scheme: str = "http"


PLAIN = Kind("location / { return 200; }")
"""Answers 200 to everything and keeps nothing: the limit."""

LOGGING = Kind("access_log LOG combined; location / { empty_gif; }")
"""A pixel with a log of requests. nginx has no setting that syncs a log."""


def tls(certificate: Path) -> Kind:
    """The limit over TLS, with the certificate and key of one PEM file, and our versions of TLS.

    Left to itself an older nginx speaks TLS 1.2 alone, whose resumed handshake costs half.
    """
    return Kind(f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
                " ssl_protocols TLSv1.2 TLSv1.3; location / { return 200; }", " ssl", "https")


class Nginx:
    """nginx in a folder of its own."""

    def __init__(self, folder: Path, kind: Kind = PLAIN, cores: Sequence[int] = ()) -> None:
        folder.mkdir(parents=True)
        port = free_port()
        self.url = f"{kind.scheme}://127.0.0.1:{port}"
        self.log = folder / "access.log"
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=folder, port=port, listen=kind.listen,
                                         says=kind.says.replace("LOG", str(self.log))))
        self._daemon = Daemon([find("nginx"), "-c", config, "-e", folder / "error"], folder, port,
                              cores)

    def processes(self) -> dict[str, int]:
        """The master does nothing; its child works."""
        return {"nginx": procs.family(self._daemon.pid)[-1]}

    def stop(self) -> None:
        """Stop it."""
        self._daemon.stop()
