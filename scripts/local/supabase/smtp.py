"""The way into the inbox for programs that send mail: a small SMTP server that sends nothing on."""

from __future__ import annotations

import email.policy
from email import message_from_bytes
from email.message import EmailMessage
from html import escape
from typing import Any, cast

from aiosmtpd.controller import Controller

from scripts.local.supabase.inbox import Inbox


class Receiver:
    """Puts what arrives into the inbox, once for each addressee."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail; its HTML is not shown, because anybody may have written it."""
        mail = cast(EmailMessage, message_from_bytes(envelope.content, policy=email.policy.default))
        body = mail.get_body(("plain", "html"))
        text = str(body.get_content()) if body else ""
        subject, sender = str(mail["Subject"] or ""), str(mail["From"] or "")
        for address in envelope.rcpt_tos:
            self._inbox.deliver(address.lower(), subject, text, f"<pre>{escape(text)}</pre>", sender=sender)
        return "250 OK"


def serve_smtp(inbox: Inbox, host: str, port: int) -> Controller:
    """Take mails in a thread of this process, until it ends."""
    controller = Controller(Receiver(inbox), hostname=host, port=port)
    controller.start()
    return controller
