"""Reading an HTTP answer: what went wrong on the way, and what the other side says."""

from __future__ import annotations

from typing import Any

import httpx


def obstacle(error: httpx.HTTPError) -> tuple[str, str]:
    """Return why there was no answer, and what to do."""
    text = str(error)
    if isinstance(error, httpx.TimeoutException):
        return "it does not answer in time", "Is it up, and may this machine reach it (firewall, proxy)?"
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
        return f"its certificate is not trusted ({text[:120]})", "Renew the certificate, or mend its chain and name."
    if any(words in text for words in ("Name or service", "getaddrinfo", "name resolution", "nodename")):
        return "its name is not known", "Is the address spelled right? Paused projects lose their name."
    return f"no connection ({text[:120]})", "Is it running there, and may this machine reach it?"


def body(answer: httpx.Response) -> dict[str, Any]:
    """Return a JSON object, or an empty one."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def said(answer: httpx.Response) -> str:
    """Return status and message in one line."""
    told = body(answer)
    error = told.get("error")
    message = error.get("message") if isinstance(error, dict) else told.get("message") or told.get("msg") or error
    return f"{answer.status_code} {str(message or '')[:120]}".strip()


def refused_by_gateway(answer: httpx.Response) -> bool:
    """Tell whether the key itself was refused; a service behind the gateway gives its errors a code."""
    code = str(body(answer).get("code", ""))
    return answer.status_code == 401 and (not code or code == "PGRST301" or "key" in said(answer).lower())
