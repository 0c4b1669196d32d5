"""How Stripe refuses: a status, a type, a code, the parameter at fault."""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"


class Refusal(Exception):
    """The request was refused; `body` is what Stripe would answer."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        self.status = status
        self.error = {"type": kind, "message": message} | {name: value for name, value in more.items() if value}
        if "code" in self.error:
            self.error["doc_url"] = DOCS + str(self.error["code"]).replace("_", "-")
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        """The answer's body."""
        return {"error": self.error}


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> Refusal:
    """A request that can't be carried out."""
    return Refusal(status, "invalid_request_error", message, code=code, param=param)


def missing(kind: str, object_id: str, param: str = "id") -> Refusal:
    """An id that leads nowhere: 404 in the address, as Stripe does, and 400 in a parameter."""
    name = kind.rpartition(".")[2].replace("_", " ")
    status = 404 if param == "id" else 400
    return invalid(f"No such {name}: '{object_id}'", code="resource_missing", param=param, status=status)


def unknown_parameter(name: str) -> Refusal:
    """A parameter that Stripe does not have, or that is not in the local Stripe."""
    return invalid(
        f"Received unknown parameter: {name} (to Stripe, or only to this local stand-in)",
        code="parameter_unknown",
        param=name,
    )


def declined(code: str, decline_code: str, message: str, **more: Any) -> Refusal:
    """A bank that said no."""
    return Refusal(402, "card_error", message, code=code, decline_code=decline_code, **more)
