"""A scripted stand-in for fal's queue API."""
