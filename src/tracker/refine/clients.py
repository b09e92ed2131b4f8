"""What the headers tell of every event: the host asked, the agent, its browser and language."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracker.hit import SERVER_SIDE, Route
from tracker.refine.agents import Agent, Agents
from tracker.refine.arrays import or_else, repeated_text, spread, texts
from tracker.refine.columns import text_cells
from tracker.refine.frame import Frame
from tracker.refine.hashes import h36
from tracker.refine.memory import remembered

_HOSTS = 10_000
_SERVER_SIDE = np.array(sorted(SERVER_SIDE), np.int32)


class Clients:
    """Describes who sent an event, once for each distinct head."""

    def __init__(self) -> None:
        self._agents = Agents()
        self._host_hash = remembered(h36, _HOSTS)

    def describe(self, frame: Frame) -> None:
        """Set host, agent, their hashes, `bot`, `server`, and what was not said of the device.

        A server's own agent on `/str/` says nothing of the visitor that it reports.
        """
        routes = np.array([hit.route for hit in frame.hits], np.int32)[frame.hit]
        from_server = pa.array(routes == Route.STR)
        agents = [self._agents.describe(head.agent) for head in frame.heads]
        self._headers(frame, agents)
        bots = spread([agent.bot for agent in agents], pa.bool_(), frame.head)
        frame.columns["bot"] = pc.and_(bots, pc.invert(from_server))
        frame.columns["server"] = pa.array(np.isin(routes, _SERVER_SIDE))
        for name, said in (
            ("browser", [agent.browser for agent in agents]),
            ("os", [agent.os for agent in agents]),
            ("device", [agent.device for agent in agents]),
            ("culture", [head.language for head in frame.heads]),
        ):
            found = spread(said, pa.string(), frame.head)
            found = pc.if_else(from_server, "", found)
            sent = frame.sent.get(name)
            frame.columns[name] = (
                found if sent is None else or_else(texts(text_cells(frame, name, sent)), found))

    def _headers(self, frame: Frame, agents: list[Agent]) -> None:
        hosts = [head.host for head in frame.heads]
        for name, values in (
            ("host", hosts),
            ("hhash", [self._host_hash(host) if host else "" for host in hosts]),
            ("agent", [agent.text for agent in agents]),
            ("bhash", [agent.hash for agent in agents]),
        ):
            frame.columns[name] = spread(values, pa.string(), frame.head)
        frame.columns["ja4h"] = repeated_text("", len(frame))
