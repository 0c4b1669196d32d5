"""The list of what happened, newest first, and the one address that is told."""

from __future__ import annotations

from fnmatch import fnmatchcase

from scripts.local.stripe.answers import PAGING, created_within, listing, page
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import API_VERSION, Object, State


@route("GET", "/v1/events", PAGING + " type types created created.* delivery_success")
def index(state: State, form: Form) -> Object:
    """List events; a type may end in `.*`."""
    kinds = [*filter(None, [form.text("type")]), *form.texts("types")]
    delivered = form.flag("delivery_success") if "delivery_success" in form else None
    within = created_within(form)

    def wanted(event: Object) -> bool:
        fits = not kinds or any(fnmatchcase(event["type"], kind) for kind in kinds)
        return fits and within(event) and delivered in (None, event["pending_webhooks"] == 0)

    return page("/v1/events", (event for event in state.all("event") if wanted(event)), form)


@route("GET", "/v1/events/{id}")
def retrieve(state: State, form: Form, event_id: str) -> Object:
    """Show an event."""
    return state.get("event", event_id)


@route("GET", "/v1/webhook_endpoints", PAGING)
def endpoints(state: State, form: Form) -> Object:
    """List the addresses that are told of events: ours."""
    url = state.settings.webhook_url
    made = {
        "id": "we_local",
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": 0,
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
    return listing("/v1/webhook_endpoints", [made] if url else [])
