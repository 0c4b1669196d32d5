"""Outgoing mail against a real SMTP server: TLS before the password, never one in clear text, no server on trust."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from backend.clients.mail import Mailer
from backend.errors import Unavailable
from tests.web.test_outages import closed_port

# Another spelling of 127.0.0.1: to 127.0.0.1 itself no TLS is asked for.
FAR = "127.1"
USER = "scrip%40example.com:p%3Aass%2Fword"


class Server:
    """What a mail server saw."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, bytes, bool]] = []
        self.mails: list[tuple[Any, bool]] = []

    def check(self, server: SMTP, session: Any, envelope: Any, mechanism: str, told: Any) -> AuthResult:
        """Let one user in."""
        self.told.append((told.login, told.password, session.ssl is not None))
        return AuthResult(success=told.password == b"p:ass/word", handled=False)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        """Keep a mail."""
        self.mails.append((message_from_bytes(envelope.content), session.authenticated))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of this machine."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    names = [x509.DNSName(FAR), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(encoding))
    return path


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@contextmanager
def serving(certificate: Path | None, *, implicit: bool = False) -> Iterator[tuple[int, Server]]:
    """Serve: with STARTTLS, in TLS from the start, or without any."""
    server, options = Server(), {"auth_require_tls": False}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options |= {"ssl_context" if implicit else "tls_context": context, "auth_required": True}
        options["auth_require_tls"] = not implicit  # it does not see that it speaks TLS from the start
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=closed_port(),
        authenticator=server.check,
        **options,  # type: ignore[arg-type]
    )
    controller.start()
    try:
        yield controller.port, server
    finally:
        controller.stop()


def send(url: str) -> None:
    """Send a mail."""
    Mailer(SecretStr(url), "Scrip <scrip@example.com>").send(["ops@example.com"], "Hi", "there", message_id="1@x")


@pytest.mark.usefixtures("trusted")
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_the_password_travels_in_tls(certificate: Path, scheme: str) -> None:
    """By STARTTLS where it is offered, or in TLS from the start; user and password may hold any character."""
    with serving(certificate, implicit=scheme == "smtps") as (port, server):
        send(f"{scheme}://{USER}@{FAR}:{port}")
    ((login, password, by_starttls),) = server.told
    assert (login, password) == (b"scrip@example.com", b"p:ass/word")
    assert by_starttls or scheme == "smtps"
    ((mail, authenticated),) = server.mails
    assert (mail["To"], mail["Message-ID"], authenticated) == ("ops@example.com", "<1@x>", True)


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_an_outage_that_quotes_nobody(certificate: Path) -> None:
    """Whoever sends tries again later; the password is in no message."""
    with serving(certificate) as (port, server), pytest.raises(Unavailable) as refused:
        send(f"smtp://scrip:wrong@{FAR}:{port}")
    assert "SMTPAuthenticationError 535" in refused.value.message and "wrong" not in refused.value.message
    assert server.mails == []


def test_a_password_never_travels_in_clear_text() -> None:
    """A server, or somebody in between, that offers no TLS is told nothing."""
    with serving(None) as (port, server), pytest.raises(Unavailable, match="clear text"):
        send(f"smtp://{USER}@{FAR}:{port}")
    assert (server.told, server.mails) == ([], [])


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_proves_nothing_is_told_nothing(certificate: Path, scheme: str) -> None:
    """Its certificate is nobody's whom we trust."""
    with serving(certificate, implicit=scheme == "smtps") as (port, server):
        with pytest.raises(Unavailable, match="SSLCertVerificationError"):
            send(f"{scheme}://{USER}@{FAR}:{port}")
    assert (server.told, server.mails) == ([], [])


def test_on_this_machine_and_without_a_user_no_tls_is_needed() -> None:
    """As to the inbox of scripts/start."""
    with serving(None) as (port, server):
        send(f"smtp://127.0.0.1:{port}")
    assert len(server.mails) == 1
