"""doctor.py compare: what differs between two environments."""
