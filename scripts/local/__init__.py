"""The embedded stack: everything a hosted Scrip talks to, started on this machine without Docker."""
