"""What happens by itself as time goes by: sessions run out, subscriptions renew, unpaid invoices are tried again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from scripts.local.stripe import checkout, drafts, invoices, plans, proration, subscriptions
from scripts.local.stripe.periods import next_end
from scripts.local.stripe.state import Object, State

ALIVE = ("active", "past_due", "unpaid")
Due = tuple[int, str, Callable[[], Any]]


def tick(state: State) -> None:
    """Do what is due by now; looks once a second at most."""
    if state.ticked != state.now():
        state.ticked = state.now()
        checkout.expire_old(state)
        _run(state, None, state.now(), lambda moment: None)


def advance(state: State, seconds: int) -> int:
    """Move the account's clock forward through everything that comes due on the way; returns its new time."""
    if seconds < 0:
        raise ValueError("time goes forward alone")
    target = state.now() + seconds

    def move(moment: int) -> None:
        state.offset += max(0, moment - state.now())

    _run(state, None, target, move)
    move(target)
    checkout.expire_old(state)
    return state.now()


def advance_clock(state: State, clock: Object, target: int) -> None:
    """The same for a test clock."""
    _run(state, clock["id"], target, lambda moment: state.change(clock, frozen_time=max(clock["frozen_time"], moment)))
    state.change(clock, frozen_time=target)


def _run(state: State, clock: str | None, target: int, move: Callable[[int], Any]) -> None:
    while due := sorted(_due(state, clock), key=lambda each: each[:2]):
        moment, _, action = due[0]
        if moment > target:
            return
        move(moment)
        action()


def _due(state: State, clock: str | None) -> Iterable[Due]:
    for each in state.all("subscription", test_clock=clock):
        if each["status"] in ALIVE:
            yield each["items"]["data"][0]["current_period_end"], each["id"], lambda each=each: _turn(state, each)
    for each in state.all("invoice", status="open", test_clock=clock):
        if each["next_payment_attempt"]:
            yield each["next_payment_attempt"], each["id"], lambda each=each: _retry(state, each)


def _turn(state: State, subscription: Object) -> None:
    """A period is over: the next one begins, or the subscription ends."""
    if subscription["cancel_at_period_end"]:
        subscriptions.end(state, subscription, "cancellation_requested")
        return
    before = {"items": copy.deepcopy(subscription["items"])}
    item = subscription["items"]["data"][0]
    last = item["current_period_start"], item["current_period_end"]
    for each in subscription["items"]["data"]:
        each["current_period_start"] = start = each["current_period_end"]
        each["current_period_end"] = next_end(subscription["billing_cycle_anchor"], start, each["price"]["recurring"])
    state.change(subscription)
    state.event("customer.subscription.updated", subscription, before)
    lines = proration.take_pending(state, subscription)
    lines += [
        drafts.line_of(state, each, item=each, period=plans.period_of(each)) for each in subscription["items"]["data"]
    ]
    subscriptions.bill(state, subscription, lines, "subscription_cycle", period=last)


def _retry(state: State, invoice: Object) -> None:
    """Try an unpaid invoice again; after the last time the subscription ends, or stays unpaid, as the account says."""
    state.change(invoice, next_payment_attempt=None)
    subscription = state.objects.get(invoices.subscription_of(invoice) or "")
    if not subscription or subscription["status"] not in ALIVE:
        return
    refused = invoices.collect(state, invoice, invoices.card_of(state, invoice))
    if refused and invoice["next_payment_attempt"] is None:
        if state.settings.after_dunning == "canceled":
            subscriptions.end(state, subscription, "payment_failed")
        else:
            subscriptions.set_status(state, subscription, state.settings.after_dunning)
