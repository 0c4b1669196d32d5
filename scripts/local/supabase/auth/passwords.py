"""Password hashes. The cost is low: this is a local stack, and tests sign up many users."""

from __future__ import annotations

import bcrypt

from scripts.local.supabase.auth.errors import invalid, weak_password

COST = 4
LONGEST = 72


def hash_password(password: str) -> str:
    """Return the hash to store."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


def check_password(password: str, stored: str | None) -> bool:
    """Tell whether a password belongs to a stored hash; a user without one has no password."""
    if not stored or len(password.encode()) > LONGEST:
        return False
    return bcrypt.checkpw(password.encode(), stored.encode())


def require_strength(password: object, minimum: int) -> str:
    """Return the password if it is long enough to be accepted, and not too long to be hashed."""
    if not isinstance(password, str) or not password:
        raise invalid("Signup requires a valid password")
    if len(password) < minimum:
        raise weak_password(minimum)
    if len(password.encode()) > LONGEST:
        raise invalid(f"Password cannot be longer than {LONGEST} characters")
    return password
