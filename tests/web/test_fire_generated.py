"""HTTP under fire, generated: Schemathesis reads /openapi.json and tries what it allows and what it forbids."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckFunction
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from backend.app import create_app
from tests.web.conftest import NOWHERE, settings_for
from tests.web.person import Person

EXAMPLES = 15  # of each operation, besides those at the bounds of each field
OF_PROMPTS = ("prompts_admin_preview", *(f"prompt_tools_{name}" for name in ("import_document", "export", "optimize")))
# What a schema can't say, and why the answer is right as it is.
ALL_BUT: dict[str, list[CheckFunction]] = {
    # The two times limit each other.
    "credits_usage": [positive_data_acceptance],
    # Alice has bought nothing that she could give.
    "gifts_create": [positive_data_acceptance],
    # Neither payments nor fal are set up in these tests: 503 says so.
    "billing_checkout": [not_a_server_error, positive_data_acceptance],  # also: a package or a plan, not both
    "billing_portal": [not_a_server_error],
    "stripe_webhook_stripe": [not_a_server_error],
    "webhooks_fal": [not_a_server_error],
    # The least cap depends on the package that is named.
    "subscriptions_set_auto_topup": [positive_data_acceptance],
    # On a private network nobody needs a token.
    "metrics_show": [missing_required_header],
    # Params follow the schema of the model that is named. GET on /quote reads the generation called `quote`: 422.
    "generations_create": [positive_data_acceptance],
    "batches_create": [positive_data_acceptance],
    "generations_quote": [positive_data_acceptance, allow_header_conformance, unsupported_method],
    # The same of the prompts called `preview`, `import`, `export` and `optimize`.
    **{name: [allow_header_conformance, unsupported_method] for name in OF_PROMPTS},
}


class Server:
    """Whichever application is asked at the moment: the document is read before there is a database."""

    app: Flask = create_app(settings_for(NOWHERE))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer, as WSGI has it."""
        return self.app(environ, start_response)


server = Server()
api = schemathesis.openapi.from_wsgi("/openapi.json", server)


@pytest.fixture(autouse=True)
def real(app: Flask) -> None:
    """Ask the application with its database."""
    server.app = app


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_in_the_document(case: Case, alice: Person) -> None:
    """Status, headers, type and shape; nothing malformed gets in; no guard is missing; never a 500."""
    but = ALL_BUT.get(case.operation.definition.raw["operationId"], [])
    if not (case.meta and case.meta.is_negative_at(ParameterLocation.BODY)):
        # In an address an empty list vanishes, and then it is valid after all; test_fire.py has addresses by hand.
        but = [*but, negative_data_rejection]
    if "\\u0000" in json.dumps(case.body, default=str):
        but = [*but, positive_data_acceptance]  # PostgreSQL stores no NUL, and no schema can say so
    answer = case.call_and_validate(headers={"Authorization": f"Bearer {alice.user.token}"}, excluded_checks=but)
    assert answer.status_code != 500
