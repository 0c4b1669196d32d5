"""The queue API as fal documents it, the files that it makes, and the two addresses that only a stand-in has."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from flask import Flask, Response, jsonify, request

from scripts.local.fal import media
from scripts.local.fal.ledger import Ledger, Request, generation_of
from scripts.local.fal.script import NoDirective, Script
from scripts.local.fal.webhooks import Mailman

REFUSED = {
    400: "Bad request.",
    401: "Cannot access application. Authentication is required to access this application.",
    402: "Payment required.",
    403: "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
    422: [{"loc": ["body", "prompt"], "msg": "Input should be a valid string", "type": "string_type"}],
    429: "Rate limit exceeded.",
}
FAILURES: dict[str, tuple[int, dict[str, Any]]] = {
    "fails": (503, {"detail": "The runner disconnected.", "error_type": "runner_disconnected"}),
    "faulty": (500, {"detail": [{"loc": ["body"], "msg": "Internal error.", "type": "internal_server_error"}]}),
    "refused": (
        422,
        {
            "detail": [
                {
                    "loc": ["body", "prompt"],
                    "msg": "The content could not be processed because it was flagged by a content checker.",
                    "type": "content_policy_violation",
                }
            ]
        },
    ),
    "rejected": (422, {"detail": [{"loc": ["body", "image_size"], "msg": "Too large.", "type": "image_too_large"}]}),
}
Answer = Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]


def create_app() -> Flask:
    """Return a queue of its own, empty and well-behaved until told otherwise."""
    app = Flask(__name__)
    script, ledger, mailman = Script(), Ledger(), Mailman()

    def refusal() -> Answer | None:
        status = script.keys.get(_key())
        if not _key():
            status = 401
        return _refused(status) if status else None

    @app.post("/<path:model>")
    def submit(model: str) -> Answer:
        """Take an order."""
        refused = refusal()
        if refused:
            return refused
        given = request.get_json()
        fate = script.fate(model, str(given.get("prompt", given.get("text", ""))))
        if fate.refusal:
            return _refused(fate.refusal)
        webhook = request.args.get("fal_webhook")
        generation = generation_of(request.headers.get("X-Fal-Tags", ""), webhook)
        order = Request(model, _key(), given, fate, webhook, generation)
        ledger.add(order)
        _announce(mailman, order)
        if fate.drops:
            _hang_up()
        base = f"{request.host_url}{order.app}/requests/{order.id}"
        urls = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return jsonify({"request_id": order.id, "gateway_request_id": order.id, "status": "IN_QUEUE", **urls})

    @app.get("/<owner>/<name>/requests/<request_id>/status")
    def status(owner: str, name: str, request_id: str) -> Answer:
        """Say how far it is."""
        found = ledger.find(f"{owner}/{name}", request_id, _key())
        if refused := refusal():
            return refused
        if found is None:
            return _unknown()
        said = {"status": found.status, "request_id": found.id}
        return jsonify(said), 200 if found.status == "COMPLETED" else 202

    @app.get("/<owner>/<name>/requests/<request_id>")
    def result(owner: str, name: str, request_id: str) -> Answer:
        """Answer as the model did."""
        found = ledger.find(f"{owner}/{name}", request_id, _key())
        if refused := refusal():
            return refused
        if found is None or found.fate.gone:
            return _unknown()
        if found.status != "COMPLETED":
            return jsonify({"detail": "Request is still in progress"}), 400
        found.fetched += 1
        code, payload = _outcome(found, request.host_url)
        return jsonify(payload), code, {"X-Fal-Error-Type": payload["error_type"]} if "error_type" in payload else {}

    @app.put("/<owner>/<name>/requests/<request_id>/cancel")
    def cancel(owner: str, name: str, request_id: str) -> Answer:
        """Stop it, unless it has ended."""
        found = ledger.find(f"{owner}/{name}", request_id, _key())
        if found is None:
            return jsonify({"status": "NOT_FOUND"}), 404
        if found.status == "COMPLETED":
            return jsonify({"status": "ALREADY_COMPLETED"}), 400
        found.canceled = True
        return jsonify({"status": "CANCELLATION_REQUESTED"}), 202

    @app.get("/.well-known/jwks.json")
    def jwks() -> Answer:
        """Publish the key that webhooks are signed with."""
        return jsonify(mailman.signer.jwks())

    @app.get("/__files/<request_id>/<int:number>.<kind>")
    def file(request_id: str, number: int, kind: str) -> Answer:
        """Serve what a request made; as at fal, whoever knows the address may read."""
        found = ledger.any(request_id)
        if found is None or "Authorization" in request.headers:
            return _unknown()
        return _file(found, number, kind)

    @app.post("/__control")
    def control() -> Answer:
        """Script what comes; see README.md."""
        wanted = request.get_json()
        try:
            script.order(wanted)
        except NoDirective as error:
            return jsonify({"detail": str(error)}), 400
        if wanted.get("reset"):
            ledger.clear()
        return jsonify({})

    @app.get("/__requests")
    def requests() -> Answer:
        """Tell every order that was taken, and which generations were paid for twice."""
        return jsonify(ledger.told())

    return app


def _key() -> str:
    return request.headers.get("Authorization", "").removeprefix("Key ").strip()


def _refused(status: int) -> Answer:
    return jsonify({"detail": REFUSED.get(status, "Something went wrong.")}), status


def _unknown() -> Answer:
    return jsonify({"detail": "Request not found."}), 404


def _hang_up() -> None:
    """Close the connection: the order was taken and its answer is lost."""
    connection: socket.socket = request.environ["fal.socket"]
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _outcome(found: Request, host: str) -> tuple[int, dict[str, Any]]:
    """Return status and body of a finished request."""
    if found.canceled:
        return 499, {"detail": "The request was cancelled.", "error_type": "client_cancelled"}
    if found.fate.outcome in FAILURES:
        return FAILURES[found.fate.outcome]
    files = f"{host}__files/{found.id}"
    given = found.input
    if found.fate.outcome == "garbage":
        return 200, {"images": [{"url": f"{files}/0.garbage"}]}
    if "video" in found.model:
        return 200, {"video": {"url": f"{files}/0.mp4", "content_type": "video/mp4"}}
    if "kokoro" in found.model or "speech" in found.model:
        return 200, {"audio": {"url": f"{files}/0.wav", "content_type": "audio/wav"}}
    kind = "jpeg" if given.get("output_format", given.get("format")) != "png" else "png"
    if "image_url" in given:
        return 200, {"image": {"url": f"{files}/0.{kind}", "content_type": f"image/{kind}"}}
    pictures = [{"url": f"{files}/{number}.{kind}"} for number in range(int(given.get("num_images", 1)))]
    flags = [found.fate.outcome == "flagged"] * len(pictures)
    return 200, {"images": pictures, "seed": given.get("seed", 1), "has_nsfw_concepts": flags}


def _file(found: Request, number: int, kind: str) -> Answer:
    if kind == "mp4":
        return Response(media.film(found.input), mimetype="video/mp4")
    if kind == "wav":
        text = str(found.input.get("prompt", found.input.get("text", "")))
        return Response(media.sound(text), mimetype="audio/wav")
    if kind == "garbage":
        return Response(b"not a picture", mimetype="image/png")
    return Response(media.picture(found.input, number, format=kind)[0], mimetype=f"image/{kind}")


def _announce(mailman: Mailman, order: Request) -> None:
    """Send the webhook when the time comes, or before the submit is answered."""
    if not order.webhook:
        return
    code, payload = _outcome(order, request.host_url)
    failed = {"error": f"Invalid status code: {code}"} if code != 200 else {"error": None}
    said = {"request_id": order.id, "gateway_request_id": order.id, "status": "OK" if code == 200 else "ERROR"}
    said |= {"payload": payload, **failed}
    if order.fate.webhook == "early":
        order.taken_at -= order.fate.seconds
        mailman.deliver_now(order.webhook, order.id, said)
    else:
        mailman.deliver(order.webhook, order.id, said, how=order.fate.webhook, wait=order.fate.seconds)
