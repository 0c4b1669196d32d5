"""One Python function per SQL operation, same name; client.py is the only file that knows PostgREST."""
