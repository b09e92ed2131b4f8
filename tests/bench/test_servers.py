"""What is read from a running tracker."""

from bench.rig.servers import samples, series


def test_samples_of_a_metric_are_summed_over_its_labels() -> None:
    text = ('# HELP tracker_x_total Things.\n# TYPE tracker_x_total counter\n'
            'tracker_x_total{store="chdb"} 20910.0\ntracker_x_total{store="duckdb"} 90.0\n'
            'tracker_y 2.5e+06\n\n')

    assert {"tracker_x_total": 21_000.0, "tracker_y": 2_500_000.0} == samples(text)


def test_a_label_may_hold_spaces() -> None:
    assert {"x": 1.0} == samples('x{says="a b c"} 1')


def test_a_metric_gives_the_value_of_each_of_its_series() -> None:
    text = 'x_total{store="chdb"} 5.0\nx_total{store="duckdb"} 3.0\nx_total_more 9.0\n'

    assert [5.0, 3.0] == series(text, "x_total")
    assert [] == series(text, "x")
