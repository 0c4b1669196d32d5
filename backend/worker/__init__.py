"""Everything that knows RQ: the worker, its jobs and the scheduler."""
