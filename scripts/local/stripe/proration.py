"""A subscription's change of price in the middle of a period: unused time comes back, remaining time is charged."""

from __future__ import annotations

from scripts.local.stripe import drafts, plans
from scripts.local.stripe.periods import next_end
from scripts.local.stripe.state import Object, State

WAYS = ("create_prorations", "always_invoice", "none")


def switch(state: State, subscription: Object, item: Object, line: Object, *, anew: bool, how: str) -> list[Object]:
    """Change an item's price; returns the lines that are billed now, while others wait for the next invoice."""
    now = state.now_of(subscription["customer"])
    old = {"price": item["price"], "quantity": item["quantity"]}
    start, end = item["current_period_start"], item["current_period_end"]
    left = (end - now) / (end - start)
    anew = anew or _rhythm(old["price"]) != _rhythm(line["price"])
    credit = _line(state, item, old, "Unused time on", -left, {"start": now, "end": end})
    item |= {"price": dict(line["price"]), "quantity": line["quantity"], "plan": plans.plan_of(line["price"])}
    if anew:
        item |= {"current_period_start": now, "current_period_end": next_end(now, now, line["price"]["recurring"])}
        state.change(subscription, billing_cycle_anchor=now)
    state.change(subscription)
    if anew:
        full = drafts.line_of(state, line, item=item, period=plans.period_of(item))
        return [full] if how == "none" else [credit, full]
    if how == "none":
        return []
    lines = [credit, _line(state, item, line, "Remaining time on", left, {"start": now, "end": end})]
    if how == "always_invoice":
        return lines
    for each in lines:
        state.add("local.pending_line", id="local_" + each["id"], subscription=subscription["id"], line=each)
    return []


def take_pending(state: State, subscription: Object) -> list[Object]:
    """The lines that wait for the next invoice of a subscription, which has come."""
    waiting = [*state.all("local.pending_line", subscription=subscription["id"])]
    for each in waiting:
        state.change(each, subscription=None)
    return [each["line"] for each in reversed(waiting)]


def _rhythm(price: Object) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def _line(state: State, item: Object, line: Object, words: str, share: float, period: Object) -> Object:
    name = state.objects[line["price"]["product"]]["name"]
    amount = round(line["price"]["unit_amount"] * line["quantity"] * share)
    return drafts.line_of(
        state, line, item=item, amount=amount, proration=True, description=f"{words} {name}", period=period
    )
