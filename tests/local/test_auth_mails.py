"""Everything that goes through a mail: confirming, magic links and codes, recovery, a change of address, invites."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from backend.clients.mail import Mailer
from scripts.local.processes import free_port
from scripts.local.supabase import Keys
from scripts.local.supabase.inbox import Mail, create_inbox_app
from scripts.local.supabase.smtp import serve_smtp
from tests.local.running import PASSWORD, Running, running

NEW_API = {"X-Supabase-Api-Version": "2024-01-01"}
SITE = "http://127.0.0.1:3000"


@pytest.fixture(scope="module")
def stack(bare_database: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack that asks new users to confirm their address."""
    folder = tmp_path_factory.mktemp("storage")
    options: dict[str, Any] = {"confirm_email": True, "email_interval": 0, "redirect_urls": ("https://app.example/*",)}
    with running(bare_database, folder, keys, **options) as running_stack:
        yield running_stack


@pytest.fixture
def email() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.com"


def post(stack: Running, path: str, body: dict[str, Any], **kwargs: Any) -> httpx.Response:
    return stack.call("POST", f"/auth/v1/{path}", json=body, headers=NEW_API, **kwargs)


def last_mail(stack: Running, email: str) -> Mail:
    return stack.inbox.mails(email)[0]


def code_in(mail: Mail) -> str:
    found = re.search(r"code: (\d{6})", mail.text)
    assert found
    return found[1]


def link_in(mail: Mail) -> str:
    found = re.search(r"http\S+", mail.text)
    assert found
    return found[0]


def opened(stack: Running, link: str) -> dict[str, str]:
    """Open a link as a browser does, and return what its target is told."""
    answer = stack.http.get(link)
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    told = {name: values[0] for name, values in parse_qs(target.fragment or target.query).items()}
    return {**told, "target": f"{target.scheme}://{target.netloc}{target.path}"}


def user_of(stack: Running, token: str) -> dict[str, Any]:
    answer = stack.call("GET", "/auth/v1/user", token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_sign_up_waits_for_the_code_in_the_mail(stack: Running, email: str) -> None:
    waiting = post(stack, "signup", {"email": email, "password": PASSWORD})
    assert (waiting.status_code, waiting.json()["email"], "access_token" in waiting.json()) == (200, email, False)
    sign_in = {"email": email, "password": PASSWORD}
    assert post(stack, "token?grant_type=password", sign_in).json()["code"] == "email_not_confirmed"
    assert post(stack, "verify", {"email": email, "token": "000000", "type": "signup"}).json()["code"] == "otp_expired"
    code = code_in(last_mail(stack, email))
    session = post(stack, "verify", {"email": email, "token": code, "type": "signup"}).json()
    assert user_of(stack, session["access_token"])["email_confirmed_at"]
    assert post(stack, "verify", {"email": email, "token": code, "type": "signup"}).status_code == 403
    assert post(stack, "token?grant_type=password", sign_in).status_code == 200


def test_a_taken_address_is_not_given_away(stack: Running, email: str) -> None:
    post(stack, "signup", {"email": email, "password": PASSWORD})
    code = code_in(last_mail(stack, email))
    post(stack, "verify", {"email": email, "token": code, "type": "email"})
    mails = len(stack.inbox.mails(email))
    again = post(stack, "signup", {"email": email, "password": "another horse"})
    assert (again.status_code, again.json()["identities"], again.json()["role"]) == (200, [], "")
    assert len(stack.inbox.mails(email)) == mails


def test_the_link_in_the_mail_signs_in(stack: Running, email: str) -> None:
    body = {"email": email, "password": PASSWORD}
    stack.call("POST", "/auth/v1/signup?redirect_to=https://app.example/welcome", json=body)
    told = opened(stack, link_in(last_mail(stack, email)))
    assert (told["target"], told["type"], told["token_type"]) == ("https://app.example/welcome", "signup", "bearer")
    assert user_of(stack, told["access_token"])["email"] == email
    used = opened(stack, link_in(last_mail(stack, email)))
    assert (used["error"], used["error_code"]) == ("access_denied", "otp_expired")


def test_a_link_ends_only_where_the_project_allows(stack: Running, email: str) -> None:
    body = {"email": email, "password": PASSWORD}
    stack.call("POST", "/auth/v1/signup?redirect_to=https://evil.example/", json=body)
    assert opened(stack, link_in(last_mail(stack, email)))["target"] == SITE


def test_a_code_grows_old(stack: Running, email: str) -> None:
    post(stack, "signup", {"email": email, "password": PASSWORD})
    stack.sql("update auth.users set confirmation_sent_at = now() - interval '2 h' where email = %s", email)
    code = code_in(last_mail(stack, email))
    refused = post(stack, "verify", {"email": email, "token": code, "type": "signup"})
    assert (refused.status_code, refused.json()["code"]) == (403, "otp_expired")


def test_a_confirmation_is_sent_again(stack: Running, email: str) -> None:
    post(stack, "signup", {"email": email, "password": PASSWORD})
    first = code_in(last_mail(stack, email))
    assert post(stack, "resend", {"email": email, "type": "signup"}).json() == {}
    second = code_in(last_mail(stack, email))
    assert len(stack.inbox.mails(email)) == 2
    if first != second:
        assert post(stack, "verify", {"email": email, "token": first, "type": "signup"}).status_code == 403
    assert post(stack, "verify", {"email": email, "token": second, "type": "signup"}).status_code == 200
    assert post(stack, "resend", {"email": "nobody@example.com", "type": "signup"}).status_code == 200
    assert post(stack, "resend", {"email": email, "type": "sms"}).json()["code"] == "validation_failed"


def test_a_magic_link_signs_in_and_makes_users(stack: Running, email: str) -> None:
    assert post(stack, "otp", {"email": email, "create_user": False}).json()["code"] == "otp_disabled"
    assert post(stack, "otp", {"email": email, "data": {"name": "Ann"}}).json() == {}
    code = code_in(last_mail(stack, email))
    session = post(stack, "verify", {"email": email, "token": code, "type": "email"}).json()
    assert session["user"]["user_metadata"]["name"] == "Ann"
    post(stack, "otp", {"email": email})
    assert last_mail(stack, email).subject == "Your magic link"
    told = opened(stack, link_in(last_mail(stack, email)))
    assert user_of(stack, told["access_token"])["id"] == session["user"]["id"]
    post(stack, "otp", {"email": email})
    hashed = parse_qs(urlsplit(link_in(last_mail(stack, email))).query)["token"][0]
    assert post(stack, "verify", {"token_hash": hashed, "type": "magiclink"}).status_code == 200


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def test_a_pkce_link_gives_a_code_for_the_browser_that_asked(stack: Running, email: str) -> None:
    challenge = {"code_challenge": challenge_of("a secret"), "code_challenge_method": "s256"}
    post(stack, "otp", {"email": email, **challenge})
    told = opened(stack, link_in(last_mail(stack, email)))
    assert "access_token" not in told

    def exchange(code: str, verifier: str) -> httpx.Response:
        return post(stack, "token?grant_type=pkce", {"auth_code": code, "code_verifier": verifier})

    assert exchange(told["code"], "a guess").json()["code"] == "bad_code_verifier"
    assert exchange("no-such-code", "a secret").json()["code"] == "flow_state_not_found"
    assert exchange(told["code"], "a secret").json()["user"]["email"] == email
    assert exchange(told["code"], "a secret").json()["code"] == "flow_state_not_found"


def test_a_forgotten_password_is_replaced(stack: Running, email: str) -> None:
    stack.service("POST", "/auth/v1/admin/users", json={"email": email, "password": PASSWORD, "email_confirm": True})
    assert post(stack, "recover", {"email": email}).json() == {}
    told = opened(stack, link_in(last_mail(stack, email)))
    assert told["type"] == "recovery"
    changed = stack.call("PUT", "/auth/v1/user", token=told["access_token"], json={"password": "a new horse"})
    assert changed.status_code == 200
    assert post(stack, "token?grant_type=password", {"email": email, "password": "a new horse"}).status_code == 200
    assert post(stack, "recover", {"email": "nobody@example.com"}).json() == {}


def test_a_change_of_address_is_confirmed_at_both(stack: Running, email: str) -> None:
    stack.service("POST", "/auth/v1/admin/users", json={"email": email, "password": PASSWORD, "email_confirm": True})
    token = post(stack, "token?grant_type=password", {"email": email, "password": PASSWORD}).json()["access_token"]
    new = f"new-{email}"
    pending = stack.call("PUT", "/auth/v1/user", token=token, json={"email": new}).json()
    assert (pending["email"], pending["new_email"]) == (email, new)
    halfway = opened(stack, link_in(last_mail(stack, email)))
    assert halfway["message"].startswith("Confirmation link accepted")
    assert user_of(stack, token)["email"] == email
    told = opened(stack, link_in(last_mail(stack, new)))
    assert user_of(stack, told["access_token"])["email"] == new


def test_mails_too_soon_after_one_another_are_refused(
    bare_database: str, keys: Keys, tmp_path: Any, email: str
) -> None:
    with running(bare_database, tmp_path, keys, email_interval=60) as eager:
        assert post(eager, "otp", {"email": email}).status_code == 200
        refused = post(eager, "otp", {"email": email})
        assert (refused.status_code, refused.json()["code"]) == (429, "over_email_send_rate_limit")
        assert re.search(r"after \d+ seconds", refused.json()["message"])


def admin(stack: Running, method: str, path: str, **kwargs: Any) -> httpx.Response:
    return stack.service(method, f"/auth/v1/{path}", headers=NEW_API, **kwargs)


def test_an_admin_makes_reads_changes_and_deletes_users(stack: Running, email: str) -> None:
    body = {"email": email, "password": PASSWORD, "email_confirm": True, "app_metadata": {"plan": "pro"}}
    made = admin(stack, "POST", "admin/users", json=body).json()
    assert (made["app_metadata"]["plan"], made["email"], bool(made["email_confirmed_at"])) == ("pro", email, True)
    path = f"admin/users/{made['id']}"
    assert admin(stack, "GET", path).json()["id"] == made["id"]
    changed = admin(stack, "PUT", path, json={"user_metadata": {"a": 1}, "app_metadata": {"plan": None}}).json()
    assert (changed["user_metadata"]["a"], "plan" in changed["app_metadata"]) == (1, False)
    assert admin(stack, "PUT", path, json={"password": "123"}).json()["code"] == "weak_password"
    assert admin(stack, "POST", "admin/users", json=body).json()["code"] == "email_exists"
    assert admin(stack, "DELETE", path, json={"should_soft_delete": False}).json() == {}
    assert (admin(stack, "GET", path).status_code, admin(stack, "DELETE", path).json()["code"]) == (
        404,
        "user_not_found",
    )
    assert admin(stack, "GET", "admin/users/nope").json()["code"] == "validation_failed"


def test_users_are_listed_by_page(stack: Running) -> None:
    for _ in range(3):
        admin(stack, "POST", "admin/users", json={"email": f"{uuid.uuid4().hex}@example.com"})
    first = admin(stack, "GET", "admin/users?page=1&per_page=2")
    second = admin(stack, "GET", "admin/users?page=2&per_page=2")
    assert len(first.json()["users"]) == 2
    assert {user["id"] for user in first.json()["users"]}.isdisjoint(user["id"] for user in second.json()["users"])
    assert int(first.headers["x-total-count"]) >= 3
    assert 'page=2&per_page=2>; rel="next"' in first.headers["link"]


def test_only_the_secret_key_is_an_admin(stack: Running, email: str) -> None:
    post(stack, "otp", {"email": email})
    code = code_in(last_mail(stack, email))
    token = post(stack, "verify", {"email": email, "token": code, "type": "email"}).json()["access_token"]
    for path in ("admin/users", "admin/generate_link", "invite"):
        method = "GET" if path == "admin/users" else "POST"
        for kwargs in ({}, {"token": token}):
            refused = stack.call(method, f"/auth/v1/{path}", headers=NEW_API, **kwargs)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_admin")


def test_an_invited_user_comes_in_through_the_link(stack: Running, email: str) -> None:
    assert admin(stack, "POST", "invite", json={"email": email, "data": {"team": "x"}}).json()["invited_at"]
    told = opened(stack, link_in(last_mail(stack, email)))
    assert (told["type"], user_of(stack, told["access_token"])["user_metadata"]["team"]) == ("invite", "x")
    assert admin(stack, "POST", "invite", json={"email": email}).json()["code"] == "email_exists"


@pytest.mark.parametrize(("kind", "becomes"), [("signup", "signup"), ("magiclink", "signup"), ("invite", "invite")])
def test_a_generated_link_works_and_sends_no_mail(stack: Running, email: str, kind: str, becomes: str) -> None:
    body = {"type": kind, "email": email, "password": PASSWORD}
    link = admin(stack, "POST", "admin/generate_link", json=body).json()
    assert (link["verification_type"], link["email"], stack.inbox.mails(email)) == (becomes, email, [])
    verify = {"email": email, "token": link["email_otp"], "type": becomes}
    assert post(stack, "verify", verify).status_code == 200
    again = admin(stack, "POST", "admin/generate_link", json={"type": "recovery", "email": email}).json()
    assert opened(stack, again["action_link"])["type"] == "recovery"


def test_generated_links_that_cannot_be(stack: Running, email: str) -> None:
    unknown = admin(stack, "POST", "admin/generate_link", json={"type": "recovery", "email": email})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "user_not_found")
    assert admin(stack, "POST", "admin/generate_link", json={"type": "x", "email": email}).status_code == 400


def test_the_inbox_shows_mails_to_people_and_programs(stack: Running, email: str) -> None:
    post(stack, "otp", {"email": email})
    inbox = create_inbox_app(stack.inbox).test_client()
    assert email in inbox.get("/").text
    found = inbox.get(f'/api/v1/search?query=to:"{email}"').json
    assert (found["total"], found["messages"][0]["To"][0]["Address"]) == (1, email)
    mail = inbox.get(f"/api/v1/message/{found['messages'][0]['ID']}").json
    assert "/auth/v1/verify?token=" in mail["Text"]
    assert mail["HTML"].startswith("<h2>")
    assert inbox.get("/api/v1/messages").json["messages"][0]["ID"] == mail["ID"]
    assert inbox.delete("/api/v1/messages").status_code == 200
    assert inbox.get("/api/v1/message/latest").status_code == 404


def test_mails_of_other_programs_land_in_the_same_inbox(stack: Running) -> None:
    """By SMTP, each addressee's of their own; what somebody wrote is shown as text and never as a page."""
    port = free_port()
    controller = serve_smtp(stack.inbox, "127.0.0.1", port)
    try:
        mailer = Mailer(SecretStr(f"smtp://127.0.0.1:{port}"), "Scrip <scrip@example.com>")
        mailer.send(["One@example.com", "two@example.com"], "Bücher <b>", "<script>ü</script>", message_id="1@x")
    finally:
        controller.stop()
    for address in ("one@example.com", "two@example.com"):
        (mail,) = stack.inbox.mails(address)
        assert (mail.subject, mail.text.strip()) == ("Bücher <b>", "<script>ü</script>")
    with create_inbox_app(stack.inbox).test_client() as client:
        page = client.get("/").get_data(as_text=True)
        assert "Bücher &lt;b&gt;" in page and "&lt;script&gt;ü" in page and "<script>" not in page
        listed = client.get("/api/v1/search", query_string={"query": "to:two@example.com"}).get_json()["messages"]
        assert listed[0]["From"] == {"Name": "Scrip", "Address": "scrip@example.com"}
