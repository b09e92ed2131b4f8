"""What the tracker's own processes warn of, as rows of `logs`: told by each, kept by one."""
