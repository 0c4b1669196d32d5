"""The outside world: one file per party."""
