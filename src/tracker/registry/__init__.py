"""Short URLs and accounts: `registry.db`, which one process writes and all workers read."""
