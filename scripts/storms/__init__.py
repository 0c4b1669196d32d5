"""The storm behind scripts/chaos: load through the real API, blows at all it runs on, and the books afterwards."""
