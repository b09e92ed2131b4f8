"""One file per store, each independent of the others."""
