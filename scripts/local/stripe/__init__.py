"""A stand-in for Stripe's test mode on this machine; see README.md for what it is and what it is not."""

from scripts.local.stripe.server import Running, running
from scripts.local.stripe.state import State

__all__ = ["Running", "State", "running"]
