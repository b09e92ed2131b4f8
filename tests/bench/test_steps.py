"""Single steps of the way, measured apart from the benchmark."""

import os
from pathlib import Path

import pytest

from bench import geoip
from bench.rig.apart import apart
from tracker.geoip import NOWHERE
from tracker.geoip.form import Form
from tracker.geoip.lookup import Lookup


def test_what_is_called_apart_runs_in_a_process_of_its_own() -> None:
    assert os.getpid() == apart(os.getppid)


def test_what_is_called_apart_raises_here() -> None:
    with pytest.raises(FileNotFoundError):
        apart(os.stat, "/no/such/file")


def test_made_data_have_a_place_for_each_address_that_is_asked(tmp_path: Path) -> None:
    ranges = geoip.make_form(tmp_path / "places", share=0.0001)

    form = Form(tmp_path / "places")
    form.verify()
    assert ranges == len(form)
    assert NOWHERE not in Lookup(form).find(["203.0.113.7", "10.9.8.7", "3fff::1"])


def test_lookups_are_measured_in_every_way_that_is_asked(tmp_path: Path) -> None:
    geoip.make_form(tmp_path / "places", share=0.0001)

    found = geoip.lookups(tmp_path / "places", rounds=2)

    assert 3 == len(found)
    assert all(2 == len(rates) and min(rates) > 0 for rates in found.values())
