"""What stands in front of the services: API keys, CORS and paths that lead nowhere."""

from __future__ import annotations

import hmac

from flask import Flask, Request, Response, g, jsonify, request

from scripts.local.supabase.keys import Keys

# A mail link, a redirect or a public file is opened without a key. Storage checks tokens itself.
OPEN_PATHS = ("/auth/v1/verify", "/auth/v1/callback", "/auth/v1/authorize", "/auth/v1/.well-known/", "/storage/v1/")
ABSENT_SERVICES = ("/realtime/", "/functions/", "/graphql/", "/pg/")
EXPOSED_HEADERS = "content-range, content-location, content-profile, link, preference-applied, x-total-count"
EXPOSED_HEADERS += ", x-sb-error-code, x-supabase-api-version, proxy-status"
NO_KEY = {
    "message": "No API key found in request",
    "hint": "No `apikey` request header or url param was found.",
}
INVALID_KEY = {
    "message": "Invalid API key",
    "hint": "Double check your Supabase `anon` or `service_role` API key.",
}
SECRET_KEY_IN_BROWSER = {
    "message": "Forbidden use of secret API key in browser",
    "hint": "Secret API keys can only be used in a protected environment and should never be used in a browser."
    " Delete this secret API key immediately.",
}


def init_gateway(app: Flask, keys: Keys) -> None:
    """Guard every request of the app with the API keys, and leave the caller's token in `g.token`."""
    roles = {
        keys.publishable_key: keys.anon_key,
        keys.secret_key: keys.service_role_key,
        keys.anon_key: keys.anon_key,
        keys.service_role_key: keys.service_role_key,
    }

    @app.before_request
    def check_key() -> Response | tuple[Response, int] | None:
        if request.method == "OPTIONS":
            return Response(status=200)
        key = _api_key(request)
        known = next((known for known in roles if hmac.compare_digest(known.encode(), key.encode())), None)
        if known == keys.secret_key and _is_browser(request):
            return jsonify(SECRET_KEY_IN_BROWSER), 401
        if known is None and not request.path.startswith(OPEN_PATHS):
            return jsonify(INVALID_KEY if key else NO_KEY), 401
        g.token = _caller_token(request, key, roles.get(known or ""))
        return None

    app.after_request(_add_cors)
    app.register_error_handler(404, _no_route)
    app.register_error_handler(500, _bug)


def _api_key(request: Request) -> str:
    return request.headers.get("apikey") or request.args.get("apikey") or ""


def _caller_token(request: Request, key: str, key_token: str | None) -> str:
    """Return the JWT that the services see: an opaque key is swapped for its role's token."""
    authorization = request.headers.get("Authorization", "")
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        return key_token or ""
    return key_token if key_token and bearer.strip() == key else bearer.strip()


def _is_browser(request: Request) -> bool:
    return request.headers.get("User-Agent", "").startswith("Mozilla/")


def _add_cors(response: Response) -> Response:
    response.headers.setdefault("Access-Control-Allow-Origin", "*")
    response.headers.setdefault("Access-Control-Expose-Headers", EXPOSED_HEADERS)
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = "3600"
    return response


def _no_route(error: Exception) -> tuple[Response, int]:
    if request.path.startswith(ABSENT_SERVICES):
        service = request.path.split("/")[1]
        return jsonify(message=f"The service '{service}' is not in the local stack"), 501
    return jsonify(message="no Route matched with those values"), 404


def _bug(error: Exception) -> tuple[Response, int]:
    """Answer a bug of the stand-in; Flask has logged the traceback."""
    return jsonify(message="The local stack failed; its log has the reason"), 500
