"""Billing periods: so many days, weeks, months or years from an anchor, whose day of the month is kept."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from scripts.local.stripe.state import Object

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def next_end(anchor: int, start: int, recurring: Object) -> int:
    """When the period ends that begins at `start`; an anchor on the 31st ends short months on their last day."""
    count = 1
    while (end := _after(anchor, count * recurring["interval_count"], recurring["interval"])) <= start:
        count += 1
    return end


def _after(anchor: int, count: int, interval: str) -> int:
    moment = datetime.fromtimestamp(anchor, UTC)
    if interval in DAYS:
        return int((moment + timedelta(days=count * DAYS[interval])).timestamp())
    months = moment.month - 1 + count * MONTHS[interval]
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())
