"""Sessions of the billing portal."""

from __future__ import annotations

from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State


@route("POST", "/v1/billing_portal/sessions", "customer return_url locale")
def create(state: State, form: Form) -> Object:
    """Open a session for a customer."""
    customer = state.get("customer", form.need("customer"), "customer")
    session_id = state.new_id("billing_portal.session")
    return state.add(
        "billing_portal.session",
        id=session_id,
        configuration="bpc_local",
        customer=customer["id"],
        flow=None,
        livemode=False,
        locale=form.text("locale"),
        on_behalf_of=None,
        return_url=form.text("return_url"),
        url=f"{state.settings.url}/p/session/{session_id}",
    )
