"""Fuzzing: whatever bytes come from outside, nothing crashes, hangs or grows."""
