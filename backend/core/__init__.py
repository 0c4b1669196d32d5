"""Flows that touch an outside party: no Flask, no RQ."""
