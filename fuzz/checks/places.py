"""Data of places and files made of them: refused with words, or every lookup has an answer."""

import tempfile
from pathlib import Path

from tracker.durable import Files
from tracker.errors import ExtraMissing
from tracker.geoip import Place
from tracker.geoip.addresses import packed
from tracker.geoip.collector import Collector, DataRefused
from tracker.geoip.form import Form, PlacesDamaged
from tracker.geoip.lookup import Lookup
from tracker.geoip.sources import read
from tracker.settings import GeoFile

_ASKED = ("0.0.0.0", "1.0.0.1", "8.8.8.8", "255.255.255.255", "::", "2001:db8::1", "ffff::", "x")
_FOLDER = Path(tempfile.mkdtemp(prefix="places-"))


def check(data: bytes) -> None:
    """Bytes as a file of data in any format."""
    source, made = _FOLDER / "data", _FOLDER / "made"
    source.write_bytes(data)
    collector = Collector()
    try:
        read(GeoFile(source), collector)
        collector.write(Files(), made)
    except (DataRefused, ExtraMissing) as error:
        assert str(error)
        return
    form = Form(made)
    form.verify()
    for address, place in zip(_ASKED, _look(form), strict=True):
        if key := packed(address):
            first, last, same = form.range_of(key)
            assert (same, True) == (place, first <= int.from_bytes(key, "big") <= last)


def check_form(data: bytes) -> None:
    """Bytes as the file that is mapped."""
    path = _FOLDER / "form"
    path.write_bytes(data)
    try:
        form = Form(path)
    except PlacesDamaged as error:
        assert str(error)
        return
    _look(form)


def _look(form: Form) -> list[Place]:
    for key in filter(None, map(packed, _ASKED)):
        form.range_of(key)
    return Lookup(form).find(_ASKED)
