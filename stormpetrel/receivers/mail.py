"""E-mail: one mail an incident, and all mails of an incident to a receiver in one thread.

At least once: where a server breaks off after it has taken a mail, the mail comes again under the same Message-ID.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections import OrderedDict
from email.message import EmailMessage
from email.utils import format_datetime

from stormpetrel.alerting.receiver_settings import EmailSettings, Smtp
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.core.errors import DeliveryFailed
from stormpetrel.core.events import AlertedIncident, AlertMessage

MOST_REMEMBERED = 1_000


class MailReceiver:
    """Sends mails by SMTP."""

    def __init__(self, settings: EmailSettings, renderer: Renderer) -> None:
        self._settings, self._renderer = settings, renderer
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()  # (Message-ID, recipient): not sent again

    def deliver(self, message: AlertMessage) -> str:
        """Raises DeliveryFailed where the server does not take a mail for every recipient; who has it does not get it
        again from this process."""
        problems: list[str] = []
        mails = [self._mail(message, incident, problems) for incident in message.incidents]
        try:
            with _connected(self._settings.smtp) as server:
                refused = [each for mail in mails for each in self._send(server, mail)]
        except (smtplib.SMTPException, OSError) as error:
            smtp = self._settings.smtp
            raise DeliveryFailed(f"the mail server {smtp.host}:{smtp.port} refuses: {_short(error)}") from error
        if refused:
            raise DeliveryFailed(f"the mail server refuses recipients: {'; '.join(sorted(set(refused)))}")
        return "; ".join(dict.fromkeys(problems))

    def _send(self, server: smtplib.SMTP, mail: EmailMessage) -> list[str]:
        """Who is refused, and why."""
        mail_id, refused = str(mail["Message-ID"]), []
        for recipient in self._settings.to:
            if (mail_id, recipient) in self._taken:
                continue
            try:
                server.send_message(mail, self._settings.sender, [recipient])
            except smtplib.SMTPRecipientsRefused as error:
                code, reason = error.recipients[recipient]
                refused.append(f"{recipient}: {code} {reason.decode(errors='replace')}")
            else:
                self._taken[mail_id, recipient] = None
        while len(self._taken) > MOST_REMEMBERED:
            self._taken.popitem(last=False)
        return refused

    def _mail(self, message: AlertMessage, incident: AlertedIncident, problems: list[str]) -> EmailMessage:
        part = message.model_copy(update={"incidents": (incident,), "reason": incident.reason})
        words = self._renderer.render(part)
        if words.problem:
            problems.append(words.problem)
        domain = self._settings.sender.rpartition("@")[2]
        thread = mail_id(f"incident.{message.receiver}", incident.incident_id, domain)
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = words.subject, self._settings.sender, ", ".join(self._settings.to)
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = mail_id(message.message_id, incident.incident_id, domain)
        references = [thread]
        if incident.earlier is not None:
            references.append(mail_id(incident.earlier.message_id, incident.incident_id, domain))
        mail["In-Reply-To"], mail["References"] = references[-1], " ".join(references)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
        mail["X-Stormpetrel-Message"] = message.message_id
        mail.set_content(words.text)
        return mail


def mail_id(prefix: str, incident_id: str, domain: str) -> str:
    """A Message-ID that follows from a message and an incident. An incident's thread begins with one that no mail has:
    mail programs collect all that refer to it."""
    return f"<{prefix}.{hashlib.sha256(incident_id.encode()).hexdigest()[:12]}@{domain}>"


def _connected(smtp: Smtp) -> smtplib.SMTP:
    tls = ssl.create_default_context()
    server: smtplib.SMTP
    if smtp.security == "tls":
        server = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.timeout_s, context=tls)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout_s)
    try:
        if smtp.security == "starttls":
            server.starttls(context=tls)
        if smtp.user is not None and smtp.password is not None:
            server.login(smtp.user, smtp.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _short(error: Exception) -> str:
    """What the server said, without what it was given."""
    if isinstance(error, smtplib.SMTPResponseException):
        reason = error.smtp_error
        return f"{error.smtp_code} {reason.decode(errors='replace') if isinstance(reason, bytes) else reason}"[:300]
    return f"{type(error).__name__}: {error}"[:300]
