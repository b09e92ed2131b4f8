"""The table of tracking routes is whole, and finds what it lists."""

import pytest

from tracker.hit import KEYED, OWN, Route
from tracker.routes import TRACKING_ROUTES, RouteMap, TrackingRoute


def test_every_route_of_a_hit_is_in_the_table_once_but_those_of_links_and_services() -> None:
    named = sorted(set(Route) - OWN - KEYED - {Route.SHORT})

    assert named == sorted(line.route for line in TRACKING_ROUTES)
    assert len(TRACKING_ROUTES) == len({line.name for line in TRACKING_ROUTES})


@pytest.mark.parametrize("line", TRACKING_ROUTES, ids=lambda line: line.name)
def test_a_path_of_the_table_is_found(line: TrackingRoute) -> None:
    routes = RouteMap(1)
    path = line.path(1).encode()
    assert (line.route, b"") == routes.find(path)
    assert (line.route, b"") == routes.find(path.rstrip(b"/"))
    assert (line.route, b"a/%2F/") == routes.find(path + b"a/%2F/")
    assert routes.find(line.path(2).encode()) is None
    assert routes.find(path.rstrip(b"/") + b"x") is None
    assert line.answers


def test_servers_use_their_own_routes() -> None:
    assert {"str", "rdr", "pub", "ltv", "ppi/agree"} == {
        line.name for line in TRACKING_ROUTES if line.server_side}
