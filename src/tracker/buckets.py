"""The buckets of all histograms of seconds, from the sync of a fast disk to a slow query."""

SECONDS_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                   0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds; one more bucket takes what is above the last."""
