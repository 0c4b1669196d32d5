"""Outgoing mail over SMTP: SMTP_URL as smtp://user:password@host:port (STARTTLS when offered) or smtps://..."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from backend.config import LOOPBACK
from backend.errors import Unavailable

SECONDS = 10.0
PORTS = {"smtp": 587, "smtps": 465}


class Mailer:
    """Sends plain mails from one address; each over a connection of its own."""

    def __init__(self, url: SecretStr, sender: str, *, seconds: float = SECONDS) -> None:
        self._url = urlsplit(url.get_secret_value())
        self._sender, self._seconds = sender, seconds

    def send(self, to: Sequence[str], subject: str, text: str, *, message_id: str) -> None:
        """Send a mail, or raise Unavailable; the same message_id (name@domain) lets readers drop a second copy."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(to)
        message["Subject"] = " ".join(subject.split())
        message["Date"], message["Message-ID"] = formatdate(), f"<{message_id}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        with self._server("did not take a mail") as server:
            server.send_message(message)

    def try_login(self) -> None:
        """Connect and log in as before a mail, and send none; raises Unavailable."""
        with self._server("does not let us in"):
            pass

    @contextmanager
    def _server(self, fault: str) -> Iterator[smtplib.SMTP]:
        try:
            server = self._connect()
            try:
                yield server
            finally:
                with suppress(OSError, smtplib.SMTPException):  # it is sent, or has failed for another reason
                    server.quit()
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"The mail server {fault}: {_reason(error)}.") from error

    def _connect(self) -> smtplib.SMTP:
        url, trusted = self._url, ssl.create_default_context()
        host, port = url.hostname or "", url.port or PORTS[url.scheme]
        if url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=self._seconds, context=trusted)
        else:
            server = smtplib.SMTP(host, port, timeout=self._seconds)
        try:
            server.ehlo()
            if url.scheme == "smtp" and server.has_extn("starttls") and host not in LOOPBACK:
                server.starttls(context=trusted)
                server.ehlo()
            elif url.scheme == "smtp" and url.username and host not in LOOPBACK:
                raise smtplib.SMTPNotSupportedError("no TLS: the password would travel in clear text")
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def _reason(error: Exception) -> str:
    """Name an error without quoting the server, which may repeat what it was told."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    words = f": {error}" if isinstance(error, smtplib.SMTPNotSupportedError) else ""
    return type(error).__name__ + words
