"""Receivers of alerts on this machine: a webhook and a mail catcher, which keep in a folder what they are told.

They are for trying alerting without a server or a mailbox of one's own. They listen at loopback alone, and no mail goes
on. The webhook shows what a receiver has to do: it checks the signature, and takes each id once.
"""

from __future__ import annotations

import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stormpetrel.alerting.receiver_settings import EmailSettings, WebhookSettings, read_receivers
from stormpetrel.core.errors import SetupError

RECEIVERS, WEBHOOK_FILE, MAIL_FOLDER = "receivers.yaml", "webhook.jsonl", "mails"
WEBHOOK, MAIL, CAP = "local-webhook", "local-mail", "cap"
LOOPBACK = "127.0.0.1"
SENDER, DUTY = "alerts@stormpetrel.localhost", "duty@stormpetrel.localhost"
LONGEST_BODY = 2**20


def write_receivers(directory: Path, webhook_port: int, mail_port: int) -> Path:
    """Writes the file of these receivers, for `alerting.receivers`, with a new secret; the file's path. CAP alerts are
    an exercise, in Italian and English."""
    directory.mkdir(parents=True, exist_ok=True)
    secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    smtp = {"host": LOOPBACK, "port": mail_port, "security": "none"}
    receivers: list[dict[str, Any]] = [
        {"name": WEBHOOK, "channel": "webhook", "url": f"http://{LOOPBACK}:{webhook_port}/", "secret": secret},
        {"name": MAIL, "channel": "email", "language": "it", "sender": SENDER, "to": [DUTY], "smtp": smtp},
        {"name": CAP, "channel": "cap", "sender": SENDER, "status": "Exercise", "languages": ["it", "en"]},
    ]
    file = directory / RECEIVERS
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump({"receivers": receivers}), encoding="utf-8")
    return file


class Inbox:
    """What the two were told, in `webhook.jsonl` and as mails in `mails/`. Safe for several threads."""

    def __init__(self, directory: Path, secret: str) -> None:
        self._webhook, self._lock = Webhook(secret), threading.Lock()
        self._file, self._mails = directory / WEBHOOK_FILE, directory / MAIL_FOLDER
        self._mails.mkdir(parents=True, exist_ok=True)
        self._ids = {told["id"] for told in webhook_messages(directory)}

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Takes a POST to the webhook; the status of the answer. A message whose id was taken before is not kept
        again."""
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError:
            return 401
        with self._lock:
            if headers["webhook-id"] not in self._ids:
                self._ids.add(headers["webhook-id"])
                line = json.dumps({"id": headers["webhook-id"], **json.loads(body)}, ensure_ascii=False)
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(f"{line}\n")
        return 204

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Takes a mail, as aiosmtpd asks of its handlers."""
        with self._lock:
            number = sum(1 for _ in self._mails.iterdir()) + 1
            (self._mails / f"{number:05}.eml").write_bytes(envelope.content)
        return "250 OK"


def webhook_messages(directory: Path) -> list[dict[str, Any]]:
    """What the webhook has taken, the oldest first: `id`, `type`, `timestamp` and `data` of each message."""
    file = directory / WEBHOOK_FILE
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def mails(directory: Path) -> list[EmailMessage]:
    """The mails that were caught, the oldest first."""
    files = sorted((directory / MAIL_FOLDER).glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def serve(directory: Path) -> None:
    """Serves the receivers that `write_receivers` wrote into the folder until the process is stopped."""
    with serving(directory):
        threading.Event().wait()


@contextmanager
def serving(directory: Path) -> Iterator[None]:
    """Serves them in threads from enter to exit. Raises SetupError where a part is missing."""
    try:
        from aiosmtpd.controller import Controller
    except ImportError as error:
        raise SetupError("the mail catcher is not installed: pip install 'stormpetrel[local]'") from error

    receivers = read_receivers(directory / RECEIVERS)
    webhook, mail = receivers[WEBHOOK], receivers[MAIL]
    if not isinstance(webhook, WebhookSettings) or not isinstance(mail, EmailSettings):
        raise SetupError(f"{directory / RECEIVERS} is not the file of these receivers; start stormpetrel up again")
    inbox = Inbox(directory, webhook.secret.get_secret_value())
    catcher = Controller(inbox, hostname=LOOPBACK, port=mail.smtp.port)
    hook = ThreadingHTTPServer((LOOPBACK, urlsplit(webhook.url).port or 0), _handler(inbox))
    catcher.start()
    threading.Thread(target=hook.serve_forever, daemon=True, name="webhook").start()
    try:
        yield
    finally:
        hook.shutdown()
        hook.server_close()
        catcher.stop()


def _handler(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = inbox.take(headers, self.rfile.read(size)) if 0 < size <= LONGEST_BODY else 413
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: what was told is in the folder."""

    return Handler
