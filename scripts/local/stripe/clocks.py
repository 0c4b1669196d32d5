"""Test clocks: customers made on one live in its time."""

from __future__ import annotations

from scripts.local.stripe.answers import PAGING, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.renewals import advance_clock
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

PATH = "/v1/test_helpers/test_clocks"


@route("POST", PATH, "frozen_time name")
def create(state: State, form: Form) -> Object:
    """Create a clock."""
    at = form.number("frozen_time")
    if at is None:
        raise invalid("Missing required param: frozen_time.", code="parameter_missing", param="frozen_time")
    return new_clock(state, at, form.text("name"))


def new_clock(state: State, frozen_time: int, name: str | None = None) -> Object:
    """A clock that stands still until it is advanced."""
    return state.add(
        "test_helpers.test_clock",
        deletes_after=state.now() + 30 * 86_400,
        frozen_time=frozen_time,
        livemode=False,
        name=name,
        status="ready",
        status_details={},
    )


@route("GET", PATH + "/{id}")
def retrieve(state: State, form: Form, clock_id: str) -> Object:
    """Show a clock."""
    return state.get("test_helpers.test_clock", clock_id)


@route("GET", PATH, PAGING)
def index(state: State, form: Form) -> Object:
    """List clocks."""
    return page(PATH, state.all("test_helpers.test_clock"), form)


@route("POST", PATH + "/{id}/advance", "frozen_time")
def advance(state: State, form: Form, clock_id: str) -> Object:
    """Move a clock forward."""
    return advance_to(state, state.get("test_helpers.test_clock", clock_id), int(form.need("frozen_time")))


def advance_to(state: State, clock: Object, frozen_time: int) -> Object:
    """Move a clock forward; all that comes due has happened when this returns."""
    if frozen_time < clock["frozen_time"]:
        raise invalid("The clock can only be advanced to a time after its current frozen_time.", param="frozen_time")
    state.event("test_helpers.test_clock.advancing", clock)
    advance_clock(state, clock, frozen_time)
    state.event("test_helpers.test_clock.ready", clock)
    return clock
