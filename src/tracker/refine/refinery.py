"""Hits in, events out: the ordered list of steps that make a table of what clients sent."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tracker.geoip import GeoLookup
from tracker.hit import KEYED, Hit, Route
from tracker.refine import kinds
from tracker.refine.clients import Clients
from tracker.refine.columns import fill_columns
from tracker.refine.consent import Consent
from tracker.refine.follows import follow
from tracker.refine.frame import Frame
from tracker.refine.hashes import account
from tracker.refine.identity import identify
from tracker.refine.merging import Merger, name_by_content
from tracker.refine.names import ACCOUNT, spellings
from tracker.refine.pages import Pages
from tracker.refine.params import Params, objects
from tracker.refine.people import Privacy
from tracker.refine.places import Places
from tracker.refine.reading import Reader
from tracker.refine.refined import Drop, Refined
from tracker.refine.times import Clock
from tracker.schema.arrow import batch_schema
from tracker.settings import RefineSettings

_UNASKED = KEYED | {Route.SHORT, Route.LINK}
"""Routes on which no client can name its account, or shows a key instead."""


class Refinery:
    """Makes events of hits. What it answers depends on the hits alone: no clock, no I/O."""

    def __init__(self, settings: RefineSettings, geo: GeoLookup | None = None) -> None:
        self._mixer = settings.account_hash_mixer
        self._reader = Reader(settings)
        table = spellings(bool(self._mixer))
        self._merger = Merger(table, settings.lowercase_values)
        params, privacy = Params(table, settings.remove_ip), Privacy(settings)
        consent = Consent(settings.consent)
        self._steps = (
            follow,
            self._merger.take,
            self._drop_foreign_accounts,
            kinds.take,
            name_by_content,
            params.open,
            privacy.protect,
            privacy.hide_addresses,
            Clock(settings).date,
            Pages(settings).clean,
            Clients().describe,
            Places(settings, geo).locate,
            identify,
            kinds.name,
            fill_columns,
            fill_targets,
            kinds.Kinds(settings).sort,
            *((consent.withhold,) if consent.asks else ()),
            params.gather,
        )
        self._schema = batch_schema()

    def refine(self, hits: Sequence[Hit]) -> Refined:
        """One row for every event of the hits that can be understood and is not filtered."""
        frame, targets = self._reader.read(hits)
        self._merger.merge(frame, targets)
        for step in self._steps:
            step(frame)
        bodies = np.zeros(len(frame), np.uint64)
        bodies[np.fromiter(frame.own, np.intp, len(frame.own))] = np.fromiter(
            frame.own.values(), np.uint64, len(frame.own))
        bodies[~frame.given] = 0
        return Refined(
            table=pa.Table.from_arrays(
                [frame.columns[name] for name in self._schema.names], schema=self._schema),
            hit=frame.hit, eids=frame.ids.view("V16").reshape(-1), given=frame.given,
            body_hash=bodies, dead=frame.dead, filtered=frame.filtered,
        )

    def _drop_foreign_accounts(self, frame: Frame) -> None:
        """With AccountHashMixer, only events go on whose `acct` is the account of their host."""
        if not self._mixer:
            return
        sent = frame.sent.pop(ACCOUNT, [None] * len(frame))
        accounts = [account(head.host, self._mixer) for head in frame.heads]
        rows = [
            row for row, (said, head) in enumerate(zip(sent, frame.head.tolist(), strict=True))
            if said == accounts[head] or frame.hits[frame.hit[row]].route in _UNASKED
        ]
        if dropped := len(frame) - len(rows):
            frame.filtered[Drop.ACCOUNT] = dropped
            frame.select(rows)


def fill_targets(frame: Frame) -> None:
    """Set `targets`."""
    frame.columns["targets"] = objects(frame, "targets")
