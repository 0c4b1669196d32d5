"""A local stand-in for a hosted Supabase project: REST, Auth and Storage behind one port, mails in an inbox.

It promises what the app and the official clients use, on a real PostgreSQL with the platform's roles. What it lacks
answers "not in the local stack"; it never does anything that the platform would not do.
"""

from __future__ import annotations

from scripts.local.supabase.app import create_app
from scripts.local.supabase.keys import Keys, load_or_create_keys
from scripts.local.supabase.settings import Settings

__all__ = ["Keys", "Settings", "create_app", "load_or_create_keys"]
