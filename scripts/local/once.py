"""`scripts/start --once`: the main job, end to end through the real processes, with every figure checked."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from scripts.local import display, purchase, watchdog
from scripts.local.client import Client
from scripts.local.places import DEFAULT_HOME, places_in
from scripts.local.ports import choose_any
from scripts.local.stack import Stack

SIGN_UP_CREDITS = 25
SIZE = (640, 480)
PICTURE = {
    "model": "local/picture",
    "prompt": "a lighthouse above the sea at dusk",
    "params": {"width": SIZE[0], "height": SIZE[1], "num_images": 1, "format": "png", "seed": 7},
}
FAILURE = {"model": "local/always-fails", "prompt": "this one fails on purpose", "params": {}}


class Differs(Exception):
    """A figure is not what it must be."""


def run() -> None:
    """Start a stack of its own in a throw-away folder, do the main job, and leave nothing but the picture."""
    home = Path(tempfile.mkdtemp(prefix="scrip-once-"))
    home.chmod(0o711)  # where we are root, PostgreSQL runs as another account and passes through
    places = places_in(home)
    for folder in places.roots:
        watchdog.tell(f"rm {folder}")
    try:
        with Stack(places, choose_any(), display.step, durable=False) as stack:
            main_job(stack)
    finally:
        for folder in places.roots:
            shutil.rmtree(folder, ignore_errors=True)


def main_job(stack: Stack) -> None:
    """Sign up, generate a picture, fail one, then buy credits; raise Differs at the first figure that is wrong."""
    with Client(stack.web_url, stack.supabase_url, stack.keys) as client:
        display.heading("1. A new user signs up")
        email = f"ada-{secrets.token_hex(4)}@example.com"
        client.sign_up(email, secrets.token_urlsafe(12))
        display.good(f"{email} signed up through Auth")
        expect("sign-up credits", client.balance(), {"balance": SIGN_UP_CREDITS, "held": 0})

        display.heading("2. A picture is generated")
        price = a_picture(client)

        display.heading("3. A generation fails, and its credits come back")
        a_failure(client, SIGN_UP_CREDITS - price)

        display.heading("4. Credits are bought")
        a_purchase(client, SIGN_UP_CREDITS - price)
    display.heading("Every figure is as it must be.")


def a_picture(client: Client) -> int:
    """Generate a picture and check what it cost; returns the price."""
    before = client.ledger()
    price = int(client.quote(PICTURE)["credits"])
    made = client.generate(PICTURE)
    expect("credits held while it runs", made["credits"], {"reserved": price})
    done = client.follow(made["id"])
    expect("the generation", done, {"status": "succeeded", "error": None})
    expect("its credits", done["credits"], {"reserved": price, "charged": price})
    save_picture(client.download(done["outputs"][0]["url"]), done["id"])
    expect("the balance", client.balance(), {"balance": SIGN_UP_CREDITS - price, "held": 0})
    after = client.ledger()
    show_ledger("The ledger before", before)
    show_ledger("The ledger after", after)
    expect(
        "the sum of the ledger", {"credits": sum(row["amount"] for row in after)}, {"credits": SIGN_UP_CREDITS - price}
    )
    newest = {"kind": "usage", "amount": -price, "balance_after": SIGN_UP_CREDITS - price}
    expect("the newest row", after[0], newest)
    return price


def a_failure(client: Client, balance: int) -> None:
    """Let a generation fail and check that it cost nothing."""
    before = client.ledger()
    price = int(client.quote(FAILURE)["credits"])
    made = client.generate(FAILURE)
    expect("credits held while it runs", made["credits"], {"reserved": price})
    expect("the balance meanwhile", client.balance(), {"balance": balance})
    failed = client.follow(made["id"])
    expect("the generation", failed, {"status": "failed"})
    if not failed["error"]:
        raise Differs("the failed generation does not say why it failed")
    display.good(f"it says why: {failed['error']['code']}, {failed['error']['message']}")
    expect("its credits", failed["credits"], {"reserved": price, "charged": 0})
    expect("the balance", client.balance(), {"balance": balance, "held": 0, "available": balance})
    after = client.ledger()
    show_ledger("The ledger after the failure", after)
    if after != before:
        raise Differs("the failed generation left a trace in the ledger")
    display.good("the ledger is what it was: nothing was taken")


def a_purchase(client: Client, balance: int) -> None:
    """Buy credits on the page of the local Stripe, and check balance, history and papers."""
    bought, seconds = purchase.buy(client)
    expect("the payment", bought, {"status": "paid", "granted_credits": bought["credits"]})
    display.good(f"the credits were there {seconds * 1000:.0f} ms after the payment")
    after = balance + bought["credits"]
    expect("the balance", client.balance(), {"balance": after, "held": 0})
    newest = {"kind": "grant", "amount": bought["credits"], "balance_after": after}
    expect("the newest row", client.ledger()[0], newest)
    for name in ("receipt_url", "invoice_url"):
        client.download(bought[name])
        display.good(f"its {name.removesuffix('_url')}: {bought[name]}")


def expect(what: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Show figures, and refuse to go on when one is not what it must be."""
    wrong = {name: found.get(name, "missing") for name, value in wanted.items() if found.get(name, "missing") != value}
    if wrong:
        told = ", ".join(f"{name} is {value!r} and must be {wanted[name]!r}" for name, value in wrong.items())
        raise Differs(f"{what}: {told}")
    shown = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
    display.good(f"{what}: {shown}")


def save_picture(data: bytes, generation_id: str) -> None:
    """Check that the bytes are the picture that was asked for, and keep them."""
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        size, kind = picture.size, str(picture.format)
    if (size, kind) != (SIZE, "PNG"):
        raise Differs(f"the picture is a {kind} of {size} and must be a PNG of {SIZE}")
    folder = DEFAULT_HOME / "once"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{generation_id}.png"
    path.write_bytes(data)
    display.good(f"the picture: {path} ({kind}, {size[0]} x {size[1]}, {len(data):,} bytes)")


def show_ledger(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """A ledger as a table, newest row first."""
    display.line(f"\n  {title}")
    cells = [[row["id"], row["kind"], f"{row['amount']:+d}", row["balance_after"], row["reason"] or ""] for row in rows]
    display.table(["id", "kind", "amount", "balance after", "reason"], cells, right=["id", "amount", "balance after"])
