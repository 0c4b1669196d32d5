"""The OpenAPI document: well-formed, complete, and true."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import Whoami
from tests.web.keyserver import KeyServer

UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/files/<path:filename>"}
# They answer what would be, and change nothing.
ONLY_TOLD = {"/api/v1/admin/prompts/preview"}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The document as served."""
    served: dict[str, Any] = client.get("/openapi.json").json
    return served


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every (path, method, operation)."""
    return [(path, method, found) for path, item in document["paths"].items() for method, found in item.items()]


def references(value: object) -> list[str]:
    """Return every $ref inside a value."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def test_it_has_the_parts_of_an_openapi_document(document: dict[str, Any]) -> None:
    """Version, title, paths, and a bearer scheme."""
    assert document["openapi"].startswith("3.")
    assert document["info"]["title"] == "Scrip"
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """A dangling $ref is what breaks client generators."""
    found = references(document)
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_every_schema_is_a_json_schema(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 schemas are JSON Schema 2020-12."""
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description"), f"{name} says nothing"


def test_every_route_is_documented_and_nothing_else(client: FlaskClient, document: dict[str, Any]) -> None:
    """The document and the server know the same paths and methods."""
    app = client.application
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in UNDOCUMENTED
        for method in (rule.methods or set()) & METHODS
    }
    assert served == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_is_named_and_explained(document: dict[str, Any]) -> None:
    """Ids are what client generators call their functions, so they are short and unique."""
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, _, operation in operations(document):
        assert operation["summary"].endswith("."), path
        assert {"422", "500", "503"} < set(operation["responses"]), path


def test_path_parameters_are_declared(document: dict[str, Any]) -> None:
    """Each {name} in a path is a parameter."""
    for path, _, operation in operations(document):
        declared = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert declared == {part.split("}")[0] for part in path.split("{")[1:]}


def test_examples_in_the_document_fit_their_schema(document: dict[str, Any]) -> None:
    """What people copy works."""
    schemas = document["components"]["schemas"]
    for name in ("NewGeneration", "QuoteRequest"):
        example = {
            key: field["examples"][0] for key, field in schemas[name]["properties"].items() if "examples" in field
        }
        jsonschema.validate(example, {**schemas[name], "components": document["components"]})
        assert schemas[name]["additionalProperties"] is False


def test_every_change_that_admins_make_can_be_tried(document: dict[str, Any]) -> None:
    """Each route of admins that changes something takes dry_run, and says in its answer which it was."""
    schemas = document["components"]["schemas"]
    changing = [
        (path, operation)
        for path, method, operation in operations(document)
        if path.startswith("/api/v1/admin/") and method != "get" and path not in ONLY_TOLD
    ]
    assert len(changing) > 15
    for path, operation in changing:
        body, answer = (
            schemas[part["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]["properties"]
            for part in (operation["requestBody"], operation["responses"]["200"])
        )
        asked = {*body, *(parameter["name"] for parameter in operation.get("parameters", []))}
        assert "dry_run" in asked and "dry_run" in answer, path


def test_errors_fit_the_document(keyserver: KeyServer, whoami: Whoami) -> None:
    """Every kind of refusal that needs no database has the documented status and shape."""
    client = whoami()
    token = {"Authorization": f"Bearer {keyserver.token()}"}
    document = client.get("/openapi.json").json
    shape = {"$ref": "#/components/schemas/ErrorBody", "components": document["components"]}
    create, quote = "/api/v1/generations", "/api/v1/generations/quote"
    asked = [
        (create, "post", client.post(create)),
        (create, "post", client.post(create, headers=token)),
        (create, "get", client.get(f"{create}?limit=x", headers=token)),
        (quote, "post", client.post(quote, json={"model": "m" * 300_000}, headers=token)),
        ("/ready", "get", client.get("/ready")),
    ]
    assert [answer.status_code for _, _, answer in asked] == [401, 422, 422, 413, 503]
    for path, method, answer in asked:
        assert str(answer.status_code) in document["paths"][path][method]["responses"]
        jsonschema.validate(answer.json, shape)


def test_swagger_ui_works_offline(client: FlaskClient) -> None:
    """The page and all that it loads come from this server."""
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assert "://" not in page.text
    for file in ("css/swagger-ui.css", "js/swagger-ui-bundle.js", "images/swagger.svg"):
        assert f"docs/files/{file}" in page.text
        assert client.get(f"/docs/files/{file}").status_code == 200


def test_the_document_is_the_same_for_every_app(whoami: Whoami, document: dict[str, Any]) -> None:
    """Making a second app in one process changes nothing."""
    app: Flask = whoami().application
    assert app.test_client().get("/openapi.json").json == document
