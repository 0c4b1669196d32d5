"""What scripts/doctor.py is made of: one module per subject, each check a function that returns findings."""
