"""What is read from a running tracker."""

from bench.rig.servers import samples


def test_samples_of_a_metric_are_summed_over_its_labels() -> None:
    text = ('# HELP tracker_x_total Things.\n# TYPE tracker_x_total counter\n'
            'tracker_x_total{store="chdb"} 20910.0\ntracker_x_total{store="duckdb"} 90.0\n'
            'tracker_y 2.5e+06\n\n')

    assert {"tracker_x_total": 21_000.0, "tracker_y": 2_500_000.0} == samples(text)


def test_a_label_may_hold_spaces() -> None:
    assert {"x": 1.0} == samples('x{says="a b c"} 1')
