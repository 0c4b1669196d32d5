"""The OpenAPI document and Swagger UI, offline: its files come from the installed package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, cast

from flask import Blueprint, Response, current_app
from flask_openapi.openapi import OpenAPI

from backend.web.security import page_policy

FILES = files("flask_openapi_swagger") / "templates" / "swagger"

SCRIPT = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true})'
PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scrip API</title>
<link rel="icon" href="docs/files/images/swagger.svg">
<link rel="stylesheet" href="docs/files/css/swagger-ui.css">
<div id="page"></div>
<script src="docs/files/js/swagger-ui-bundle.js"></script>
<script>{SCRIPT}</script>
</html>
"""

bp = Blueprint("docs", __name__, static_folder=str(FILES), static_url_path="/docs/files")


@bp.get("/openapi.json")
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return cast(OpenAPI, current_app).api_doc


@bp.get("/docs")
def page() -> Response:
    """Return Swagger UI."""
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": page_policy(SCRIPT)})
