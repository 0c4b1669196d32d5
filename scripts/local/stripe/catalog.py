"""Products and prices."""

from __future__ import annotations

from scripts.local.stripe.answers import PAGING, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

INTERVALS = ("day", "week", "month", "year")


@route("POST", "/v1/products", "id name description active metadata.* tax_code unit_label")
def create_product(state: State, form: Form) -> Object:
    """Create a product."""
    made = new_product(state, form)
    state.event("product.created", made)
    return made


@route("GET", "/v1/products/{id}")
def retrieve_product(state: State, form: Form, product_id: str) -> Object:
    """Show a product."""
    return state.get("product", product_id)


@route("POST", "/v1/products/{id}", "name description active metadata.*")
def update_product(state: State, form: Form, product_id: str) -> Object:
    """Change a product."""
    found = state.get("product", product_id)
    fields: Object = {name: form.text(name) for name in ("name", "description") if name in form}
    fields |= {"active": form.flag("active")} if "active" in form else {}
    fields |= {"metadata": form.metadata(found["metadata"])}
    if before := state.change(found, **fields):
        state.change(found, updated=state.now())
        state.event("product.updated", found, before)
    return found


@route("GET", "/v1/products", PAGING + " active")
def list_products(state: State, form: Form) -> Object:
    """List products."""
    where = {"active": form.flag("active")} if "active" in form else {}
    return page("/v1/products", state.all("product", **where), form)


PRICE = "currency unit_amount product active nickname lookup_key tax_behavior metadata.* product_data.name"


@route("POST", "/v1/prices", PRICE + " product_data.metadata.* recurring.interval recurring.interval_count")
def create_price(state: State, form: Form) -> Object:
    """Create a price."""
    made = new_price(state, form)
    state.event("price.created", made)
    return made


@route("GET", "/v1/prices/{id}")
def retrieve_price(state: State, form: Form, price_id: str) -> Object:
    """Show a price."""
    return state.get("price", price_id)


@route("GET", "/v1/prices", PAGING + " active product type")
def list_prices(state: State, form: Form) -> Object:
    """List prices."""
    where: Object = {name: form.text(name) for name in ("product", "type") if name in form}
    where |= {"active": form.flag("active")} if "active" in form else {}
    return page("/v1/prices", state.all("price", **where), form)


def new_product(state: State, form: Form, *, active: bool = True) -> Object:
    """A product as a form describes it."""
    return state.add(
        "product",
        id=form.text("id") or state.new_id("product", 14),
        active=form.flag("active", active),
        default_price=None,
        description=form.text("description"),
        images=[],
        livemode=False,
        marketing_features=[],
        metadata=form.metadata(),
        name=form.need("name"),
        package_dimensions=None,
        shippable=None,
        statement_descriptor=None,
        tax_code=form.text("tax_code"),
        type="service",
        unit_label=form.text("unit_label"),
        updated=state.now(),
        url=None,
    )


def new_price(state: State, form: Form, *, active: bool = True) -> Object:
    """A price as a form describes it, with its product when that is described too."""
    currency = form.need("currency").lower()
    amount = form.number("unit_amount")
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}", param=form.named("currency"))
    if amount is None or amount < 0:
        raise invalid("Invalid non-negative integer", param=form.named("unit_amount"))
    if "product_data" in form:
        product = new_product(state, form.group("product_data"), active=active)["id"]
    else:
        product = state.get("product", form.need("product"), form.named("product"))["id"]
    recurring = _recurring(form.group("recurring")) if "recurring" in form else None
    return state.add(
        "price",
        active=form.flag("active", active),
        billing_scheme="per_unit",
        currency=currency,
        custom_unit_amount=None,
        livemode=False,
        lookup_key=form.text("lookup_key"),
        metadata=form.metadata(),
        nickname=form.text("nickname"),
        product=product,
        recurring=recurring,
        tax_behavior=form.text("tax_behavior") or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )


def _recurring(form: Form) -> Object:
    return {
        "interval": form.one_of("interval", *INTERVALS, default=form.need("interval")),
        "interval_count": form.number("interval_count") or 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def price_of(state: State, form: Form) -> Object:
    """The price that a line names, or that it describes in place."""
    if "price_data" in form:
        return new_price(state, form.group("price_data"), active=False)
    return state.get("price", form.need("price"), form.named("price"))
