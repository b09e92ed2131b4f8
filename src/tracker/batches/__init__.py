"""The sequencer and what it seals: batch files, manifests, the gate against repeats."""
