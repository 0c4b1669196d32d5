"""A scripted key server: it hands out a project's public keys, counts how often, and can be taken down."""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

USER_ID = "11111111-1111-4111-8111-111111111111"


class KeyServer:
    """Serves /auth/v1/.well-known/jwks.json on loopback."""

    def __init__(self) -> None:
        self.fetches = 0
        self.down = False
        self.delay = 0.0
        self.body: bytes | None = None
        self.private: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = f"{self.url}/auth/v1"

    def __enter__(self) -> KeyServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, kid: str, algorithm: str = "ES256") -> None:
        """Make a key pair and list its public half."""
        made = (
            ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
        )
        self.private[kid] = made

    def jwk(self, kid: str) -> dict[str, Any]:
        """Return the public half of a key."""
        public = self.private[kid].public_key()
        algorithm, name = (
            (ECAlgorithm, "ES256") if isinstance(public, ec.EllipticCurvePublicKey) else (RSAAlgorithm, "RS256")
        )
        return {**algorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig", "alg": name}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of an ordinary user; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "authenticated",
            "sub": USER_ID,
            "role": "authenticated",
            "iat": now,
            "exp": now + 3600,
            "email": "alice@example.com",
            "session_id": str(uuid.uuid4()),
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "first", algorithm: str = "ES256", **changed: Any) -> str:
        """Return a signed token."""
        return jwt.encode(self.claims(**changed), self.private[kid], algorithm=algorithm, headers={"kid": kid})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.fetches += 1
                time.sleep(server.delay)
                if server.down:
                    self.send_error(502)
                    return
                listed = server.body or json.dumps({"keys": [server.jwk(kid) for kid in server.private]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(listed)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
