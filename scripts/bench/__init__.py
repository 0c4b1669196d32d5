"""What operations cost in the database, measured on a PostgreSQL of one's own: figures for people, not tests."""
