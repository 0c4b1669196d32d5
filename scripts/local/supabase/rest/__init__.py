"""The REST API: what PostgREST does, for tables and functions of the exposed schemas."""
