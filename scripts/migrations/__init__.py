"""What scripts/migrate.py is made of: files, statements, rules, history, apply, functions, rollback."""
