"""The OpenAPI document: what every route may answer, errors included."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.models.schema import Schema
from flask_openapi.openapi import OpenAPI
from flask_openapi.utils import get_model_schema
from pydantic import BaseModel, Field

from backend.errors import (
    BY_CODE,
    AppError,
    Forbidden,
    Internal,
    InvalidParams,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UserSuspended,
)
from backend.web.errors import refuse_invalid

VERSION = "3.1.0"
INFO = Info(
    title="Scrip",
    version="1",
    description=(
        "Credits for apps that sell AI generations. Sign in with Supabase Auth and send the access token as a bearer "
        "token. Every answer carries `X-Request-Id`; every error has the shape of `ErrorBody`. A POST that spends "
        "takes an `Idempotency-Key`: the same key with the same request gives the stored outcome, for ever."
    ),
)
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A Supabase access token."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, when one is set."},
}


class Answer(BaseModel):
    """What a route answers when all went well."""


class ErrorDetail(BaseModel):
    """What was refused, and why."""

    code: str = Field(description="Stable name of the refusal.", json_schema_extra={"enum": [*sorted(BY_CODE)]})
    message: str = Field(description="A sentence for people.")
    details: dict[str, Any] = Field(description="Data of the refusal, such as the field or the credits that lack.")
    request_id: str = Field(description="Names this request in the logs.")
    timestamp: str = Field(description="When it was refused.", json_schema_extra={"format": "date-time"})


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


def create(name: str) -> OpenAPI:
    """Return the application; its document knows every answer, also those that routes only refer to."""
    app = OpenAPI(
        name,
        info=INFO,
        security_schemes=SECURITY_SCHEMES,
        validation_error_model=ErrorBody,
        validation_error_callback=refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = VERSION
    app.components_schemas |= _answers()
    return app


@cache
def _answers() -> dict[str, Schema]:
    """Return the shapes of all answers by name; worked out once, since tests make an application each."""
    shapes: dict[str, Schema] = {}
    for model in Answer.__subclasses__():
        schema = get_model_schema(model, mode="serialization")
        shapes |= {name: Schema(**part) for name, part in schema.pop("$defs", {}).items()}
        shapes[model.__name__] = Schema(**schema)
    return shapes


def blueprint(
    name: str, import_name: str, *, prefix: str = "", tag: str, signed_in: bool = False, scheme: str = ""
) -> APIBlueprint:
    """Return a documented blueprint; `signed_in` only says so, the guard beside it in app.py makes it so."""
    scheme = scheme or ("bearer" if signed_in else "")
    return APIBlueprint(
        name,
        import_name,
        url_prefix=prefix or None,
        abp_tags=[{"name": tag}],
        abp_security=[{scheme: []}] if scheme else None,
        operation_id_callback=lambda *, bp_name, name, path, method: f"{bp_name}_{name}",
    )


def answers(
    model: type[Answer], *refusals: type[AppError], status: int = 200, headers: dict[str, str] | None = None
) -> dict[str | int, Any]:
    """Return the responses of a public route: its success and every refusal."""
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()}
    success = {
        "description": (model.__doc__ or "").strip(),
        "headers": described or None,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
    }
    kinds: tuple[type[AppError], ...] = (*refusals, PayloadTooLarge, InvalidParams, Internal, Unavailable)
    statuses = sorted({kind.status for kind in kinds})
    refused: dict[str | int, Any] = {
        number: _refused([kind for kind in kinds if kind.status == number]) for number in statuses
    }
    return {status: success, **refused}


def user_answers(
    model: type[Answer],
    *refusals: type[AppError],
    status: int = 200,
    headers: dict[str, str] | None = None,
    otherwise: type[Answer] | None = None,
) -> dict[str | int, Any]:
    """Return the responses of a route for signed-in users; `otherwise` is a second shape of its success."""
    responses = answers(model, Unauthenticated, RateLimited, *refusals, status=status, headers=headers)
    if otherwise:
        shapes = [{"$ref": f"#/components/schemas/{one.__name__}"} for one in (model, otherwise)]
        responses[status]["content"] = {"application/json": {"schema": {"anyOf": shapes}}}
    return responses


def admin_answers(
    model: type[Answer], *refusals: type[AppError], status: int = 200, headers: dict[str, str] | None = None
) -> dict[str | int, Any]:
    """Return the responses of a route for admins."""
    return user_answers(model, Forbidden, UserSuspended, *refusals, status=status, headers=headers)


def file_answers(description: str, *media: str) -> dict[str | int, Any]:
    """Return the responses of a route that answers signed-in users with a file."""
    content = {one: {"schema": {"type": "string"}} for one in media}
    return {**user_answers(Answer), 200: {"description": description, "content": content}}


def _refused(kinds: list[type[AppError]]) -> dict[str, Any]:
    examples = {kind.code: {"value": {"error": _example(kind)}} for kind in kinds}
    return {
        "description": " ".join(f"`{kind.code}`: {_sentence(kind)}" for kind in kinds),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}, "examples": examples}},
    }


def _example(kind: type[AppError]) -> dict[str, Any]:
    return {
        "code": kind.code,
        "message": _sentence(kind),
        "details": {},
        "request_id": "5f2c7d3e9b1a4c8f8d0e6a7b3c2d1e0f",
        "timestamp": "2026-11-21T12:00:00.000Z",
    }


def _sentence(kind: type[AppError]) -> str:
    return (kind.__doc__ or "").strip()
