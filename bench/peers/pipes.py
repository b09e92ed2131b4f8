"""Servers that keep messages and acknowledge them, but speak no HTTP: NATS JetStream, rsyslog."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.files import lines_of
from bench.peers.programs import UNPACKED, environment, find
from bench.rig import window
from bench.rig.daemon import Daemon
from bench.rig.payloads import EVENT
from bench.rig.servers import free_port
from bench.rig.wires import STREAM, SUBJECT, ask_nats
from bench.rig.wrk import Outcome

if TYPE_CHECKING:
    from bench.rig.bench import Bench

_CONNECTIONS = 64

_NATS = """\
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}/store", sync_interval: {sync} }}
"""

_RSYSLOG = """\
global(workDirectory="{folder}")
module(load="imrelp")
{queue}
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="keep"{ruleset}) {{
  action(type="omfile" file="{folder}/kept" template="raw"{action})
}}
input(type="imrelp" address="127.0.0.1" port="{port}" ruleset="keep")
"""


@dataclass(frozen=True, slots=True)
class Pipe:
    """What the two share: a daemon under the load of `wire`."""

    daemon: Daemon
    wire: str
    port: int
    body: Path
    connections: int

    def processes(self) -> dict[str, int]:
        """The daemon."""
        return self.daemon.processes()

    def drive(self, seconds: float, cores: Sequence[int]) -> Outcome:
        """A round: each connection has one message on its way."""
        return window.drive(self.wire, self.port, seconds, self.connections, self.body, cores)

    def stop(self) -> None:
        """End it."""
        self.daemon.stop()


class Nats(Pipe):
    """One JetStream stream on files."""

    def kept(self) -> int:
        """Messages in the stream."""
        return int(ask_nats(self.port, f"STREAM.INFO.{STREAM}", {})["state"]["messages"])


class Rsyslog(Pipe):
    """Messages by RELP, each a line of a file."""

    def kept(self) -> int:
        """Lines in the file."""
        return lines_of(self.daemon.folder / "kept")


def nats(bench: "Bench", folder: Path, *, sync: str) -> Nats:
    """`nats-server` with a stream of one copy; `sync` as its setting `sync_interval` takes it."""
    port = free_port()
    config = _start_folder(folder) / "nats.conf"
    config.write_text(_NATS.format(port=port, folder=folder, sync=sync))
    daemon = Daemon([find("nats-server"), "--config", config], folder, port, [bench.cores.server])
    ask_nats(port, f"STREAM.CREATE.{STREAM}",
             {"name": STREAM, "subjects": [SUBJECT], "storage": "file", "num_replicas": 1})
    return Nats(daemon, "nats", port, _body(folder), _connections(bench))


def rsyslog(bench: "Bench", folder: Path, *, synced: bool) -> Rsyslog:
    """rsyslog that answers when a message is written and synced, or when it is in memory.

    With a direct queue a message passes through all its actions before the input goes on, and so
    before it is acknowledged.
    """
    port = free_port()
    config = _start_folder(folder) / "rsyslog.conf"
    config.write_text(_RSYSLOG.format(
        port=port, folder=folder, queue='main_queue(queue.type="Direct")' if synced else "",
        ruleset="" if synced else ' queue.type="LinkedList" queue.size="500000"',
        action=' sync="on" flushOnTXEnd="on" asyncWriting="off"' if synced else ""))
    modules = next(UNPACKED.glob("usr/lib/*/rsyslog"), None)
    daemon = Daemon(
        [find("rsyslogd"), "-n", "-f", config, "-i", folder / "pid",
         *(("-M", modules) if modules else ())],
        folder, port, [bench.cores.server], environment())
    return Rsyslog(daemon, "relp", port, _body(folder), _connections(bench))



def _start_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _body(folder: Path) -> Path:
    body = folder / "body"
    body.write_text(EVENT)
    return body


def _connections(bench: "Bench") -> int:
    return 4 if bench.plan.smoke else _CONNECTIONS
