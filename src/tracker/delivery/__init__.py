"""Land batch n in one store, then n + 1."""
