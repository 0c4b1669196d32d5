"""Access tokens: a good one is let in, a bad one gets 401, none is a 500."""

from __future__ import annotations

import base64
import json
import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.web.tokens import LEEWAY_SECONDS, REMEMBERED, Tokens
from tests.web.conftest import Whoami, settings_for
from tests.web.keyserver import USER_ID, KeyServer

LEGACY = "a-legacy-secret-of-at-least-32-characters"


def ask(client: FlaskClient, token: str) -> TestResponse:
    """Send a token to a guarded route."""
    return client.get("/whoami", headers={"Authorization": f"Bearer {token}"})


def test_a_good_token_is_let_in(keyserver: KeyServer, whoami: Whoami) -> None:
    """The ordinary case, for both kinds of key."""
    keyserver.add("second", "RS256")
    client = whoami()
    for kid, algorithm in (("first", "ES256"), ("second", "RS256")):
        answer = ask(client, keyserver.token(kid, algorithm))
        assert (answer.status_code, answer.json) == (200, {"id": USER_ID, "email": "alice@example.com"})


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "anon"},
        {"aud": None},
        {"iss": "https://elsewhere.example.com/auth/v1"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": int(time.time()) + 86400},
        {"nbf": int(time.time()) + 86400},  # a day, as a slow run is long
        {"sub": None},
        {"sub": "nobody"},
        {"sub": ""},
        {"role": "service_role"},
        {"role": "anon"},
        {"role": None},
        {"role": ["authenticated"]},
    ],
    ids="-".join,
)
def test_a_token_with_a_wrong_claim_is_refused(
    keyserver: KeyServer, whoami: Whoami, changed: dict[str, object]
) -> None:
    """Signed by the right key, and still no user's token for this project."""
    try:
        token = keyserver.token(**changed)
    except TypeError:  # PyJWT refuses to make it; a forger would not
        token = jwt.api_jws.encode(
            json.dumps(keyserver.claims(**changed)).encode(), keyserver.private["first"], "ES256", {"kid": "first"}
        )
    answer = ask(whoami(), token)
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_just_expired_is_let_in_within_the_leeway(keyserver: KeyServer, whoami: Whoami) -> None:
    """Clocks differ by a few seconds."""
    assert ask(whoami(), keyserver.token(exp=int(time.time()) - 3)).status_code == 200


def test_a_token_signed_by_another_key_is_refused(keyserver: KeyServer, whoami: Whoami) -> None:
    """The key id is ours, the signature is not."""
    forged = jwt.encode(
        keyserver.claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "first"}
    )
    assert ask(whoami(), forged).status_code == 401


def test_algorithm_none_is_refused(keyserver: KeyServer, whoami: Whoami) -> None:
    """No signature, no entry."""
    assert (
        ask(whoami(), jwt.encode(keyserver.claims(), None, algorithm="none", headers={"kid": "first"})).status_code
        == 401
    )


@pytest.mark.parametrize("legacy", [{}, {"SUPABASE_JWT_SECRET": LEGACY}], ids=["without legacy secret", "with"])
def test_hs256_signed_with_the_public_key_is_refused(
    keyserver: KeyServer, whoami: Whoami, legacy: dict[str, str]
) -> None:
    """The classic confusion: the public key, which everyone has, taken for a shared secret."""
    public = keyserver.private["first"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = _part({"alg": "HS256", "typ": "JWT", "kid": "first"})
    signing_input = f"{header}.{_part(keyserver.claims())}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input.encode(), pem)
    forged = f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert ask(whoami(**legacy), forged).status_code == 401


def test_the_algorithm_must_fit_the_key(keyserver: KeyServer, whoami: Whoami) -> None:
    """An RS256 signature under the id of an ES256 key."""
    keyserver.add("second", "RS256")
    forged = jwt.encode(keyserver.claims(), keyserver.private["second"], algorithm="RS256", headers={"kid": "first"})
    assert ask(whoami(), forged).status_code == 401


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "....",
        "é.é.é",
        "e30.e30.e30",
        "[" * 4000,
        "W" * 4000,
        base64.urlsafe_b64encode(b"[" * 4998).decode() + ".e30.e30",
    ],
    ids=["letter", "three letters", "dots", "not ascii", "empty objects", "brackets", "long", "deeply nested header"],
)
def test_junk_is_refused(whoami: Whoami, token: str) -> None:
    """Whatever comes as a token, the answer is 401."""
    assert ask(whoami(), token).status_code == 401


def test_odd_headers_are_refused(keyserver: KeyServer, whoami: Whoami) -> None:
    """A key id that is no text, and one that is missing."""
    client = whoami()
    for header in (
        {"alg": "ES256"},
        {"alg": "ES256", "kid": ["first"]},
        {"alg": ["ES256"], "kid": "first"},
        {"alg": "ES256", "kid": None},
    ):
        assert ask(client, f"{_part(header)}.{_part(keyserver.claims())}.AAAA").status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_without_a_bearer_token_the_answer_says_what_to_send(whoami: Whoami, header: str) -> None:
    """401 with the scheme to use."""
    answer = whoami().get("/whoami", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthenticated")


def test_a_legacy_token_needs_the_legacy_secret(keyserver: KeyServer, whoami: Whoami) -> None:
    """HS256 only when SUPABASE_JWT_SECRET is set, and then only with that secret."""
    token = jwt.encode(keyserver.claims(), LEGACY, algorithm="HS256")
    assert ask(whoami(), token).status_code == 401
    assert ask(whoami(SUPABASE_JWT_SECRET=LEGACY), token).status_code == 200
    assert ask(whoami(SUPABASE_JWT_SECRET=LEGACY.upper()), token).status_code == 401
    assert keyserver.fetches == 0


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_is_remembered_no_longer_than_its_key_is_listed(keyserver: KeyServer, whoami: Whoami) -> None:
    """Verified once, then known by sight; a project that takes its key away ends that as it ends the token."""
    client, token = whoami(lifespan=0, cooldown=0), keyserver.token()
    assert [ask(client, token).status_code for _ in range(2)] == [200, 200]
    keyserver.private.clear()
    keyserver.add("first")  # the same name, another key
    assert ask(client, token).status_code == 401


def test_a_token_is_not_remembered_past_its_end(keyserver: KeyServer, whoami: Whoami) -> None:
    """It was let in by the leeway, and the leeway ends too."""
    client, token = whoami(), keyserver.token(exp=int(time.time()) - LEEWAY_SECONDS + 1)
    assert ask(client, token).status_code == 200
    time.sleep(1.1)
    assert ask(client, token).status_code == 401


def test_a_remembered_token_is_not_verified_again(keyserver: KeyServer) -> None:
    """The very same answer, for the last so many tokens."""
    tokens = Tokens(settings_for(keyserver.url))
    many = [keyserver.token(sub=str(uuid4())) for _ in range(REMEMBERED + 1)]
    first = tokens.verify(many[0])
    assert tokens.verify(many[0]) is first
    for token in many[1:]:
        tokens.verify(token)
    assert len(tokens._known) == REMEMBERED
    assert tokens.verify(many[0]) is not first and tokens.verify(many[0]) == first
