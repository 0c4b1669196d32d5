"""Receipts of the ledger, checked with the Python standard library alone."""
