"""Accounts of the users of a storm, made through the platform as apps and operators make them."""

from __future__ import annotations

import httpx

from scripts.storms.stack import StormStack

SIGN_UP_CREDITS = 25


def sign_up(stack: StormStack, number: int) -> tuple[str, str]:
    """Return the user's id and token."""
    answer = httpx.post(
        f"{stack.supabase_url}/auth/v1/signup",
        json={"email": f"user-{number}@example.com", "password": f"correct horse {number}"},
        headers={"apikey": stack.keys.publishable_key},
        timeout=30,
    ).raise_for_status()
    return answer.json()["user"]["id"], answer.json()["access_token"]


def grant(stack: StormStack, user_id: str, credits: int) -> int:
    """Give credits; returns what the user has."""
    if credits:
        httpx.post(
            f"{stack.supabase_url}/rest/v1/rpc/grant_credits",
            json={
                "p_user_id": user_id,
                "p_amount": credits,
                "p_source": "purchase",
                "p_idempotency_key": "storm",
            },
            headers={"apikey": stack.keys.secret_key},
            timeout=30,
        ).raise_for_status()
    return SIGN_UP_CREDITS + credits
