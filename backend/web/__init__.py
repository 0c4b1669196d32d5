"""Everything that knows a request."""
