"""Receivers of alerts, by their real protocols: webhooks, mail, CAP, chat; and what the file of receivers says."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stormpetrel.alerting.languages import LANGUAGES, words_of
from stormpetrel.alerting.receiver_settings import (
    AppriseSettings,
    CapSettings,
    EmailSettings,
    WebhookSettings,
    read_receivers,
)
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.alerting.trial import trial_message
from stormpetrel.core.errors import DeliveryFailed, SetupError
from stormpetrel.core.events import AlertMessage
from stormpetrel.receivers.chat import ChatReceiver
from stormpetrel.receivers.delivery_threads import DeliveryThreads
from stormpetrel.receivers.from_the_log import CapReceiver
from stormpetrel.receivers.mail import MailReceiver
from stormpetrel.receivers.webhook import WebhookReceiver
from tests.alert_servers import Mailbox, hook, mail_server
from tests.unit.alerting_world import EVENING, Telling, incident, rule, silence, verdict

SECRET = "whsec_" + "c3Rvcm1wZXRyZWwgYSBzZWNyZXQgb2YgMzIgYnl0ZXM="
RENDERER = Renderer("http://alerts.example.org")


def messages() -> list[AlertMessage]:
    """The first message on two incidents, and the all clear of one."""
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident(), incident("savona", point=(8.48, 44.31), radar=verdict()))
    telling.take(incident(revision=2, state="closed"), after=400)
    return telling.inboxes["duty"].messages


def webhook(port: int, *private_hosts: str, host: str = "127.0.0.1") -> WebhookReceiver:
    settings = WebhookSettings(name="duty", channel="webhook", url=f"http://{host}:{port}/in", secret=SECRET)
    return WebhookReceiver(settings, RENDERER, private_hosts or (f"127.0.0.1:{port}",))


def test_a_webhook_is_signed_and_a_repeat_has_the_same_id_and_body() -> None:
    first = messages()[0]
    with hook() as served:
        receiver = webhook(served.port)
        receiver.deliver(first)
        receiver.deliver(first)
    (headers, body), (again, same) = served.requests
    data = Webhook(SECRET).verify(body, headers)
    assert (headers["webhook-id"], body) == (again["webhook-id"], same) == (first.message_id, body)
    assert data["type"] == "alert.confirmed" or data["type"] == "alert.first"
    assert data["data"]["incidents"][0]["incident_id"] in ("genoa", "savona")
    assert "Genova" in data["data"]["text"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


@pytest.mark.parametrize("status", [301, 302, 400, 410, 500, 503])
def test_a_webhook_that_does_not_take_a_message_fails_with_its_status(status: int) -> None:
    with hook(status, "http://169.254.169.254/latest") as served, pytest.raises(DeliveryFailed, match=str(status)):
        webhook(served.port).deliver(messages()[0])
    assert len(served.requests) == 1  # a redirect is not followed


def test_a_webhook_that_hangs_ends_by_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormpetrel.receivers.webhook.DEADLINE_S", 0.3)
    with hook(pause_s=2) as served, pytest.raises(DeliveryFailed, match="within"):
        webhook(served.port).deliver(messages()[0])


def test_a_webhook_that_answers_byte_by_byte_ends_by_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormpetrel.receivers.webhook.DEADLINE_S", 0.5)
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = server.accept()
        try:
            for byte in b"HTTP/1.1 200 OK and so on and on and on for ever and ever":
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            return

    threading.Thread(target=drip, daemon=True).start()
    with server, pytest.raises(DeliveryFailed, match="within"):
        webhook(server.getsockname()[1]).deliver(messages()[0])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_webhook_never_reaches_a_private_address(host: str) -> None:
    with hook() as served:
        settings = WebhookSettings(name="duty", channel="webhook", url=f"https://{host}:{served.port}/", secret=SECRET)
        with pytest.raises(DeliveryFailed, match="not public"):
            WebhookReceiver(settings, RENDERER, ()).deliver(messages()[0])
    assert served.requests == []


def test_nobody_is_told_in_the_clear_but_the_operators_own_hosts() -> None:
    settings = WebhookSettings(name="duty", channel="webhook", url="http://example.org/in", secret=SECRET)
    with pytest.raises(DeliveryFailed, match="https://"):
        WebhookReceiver(settings, RENDERER, ()).deliver(messages()[0])


def mail(port: int, *to: str) -> MailReceiver:
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "timeout_s": 5}
    settings = EmailSettings.model_validate(
        {
            "name": "duty",
            "channel": "email",
            "sender": "alerts@example.org",
            "to": to or ("a@example.org",),
            "smtp": smtp,
        }
    )
    return MailReceiver(settings, RENDERER)


def test_mails_of_an_incident_are_one_thread() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        receiver = mail(port)
        for message in messages():
            receiver.deliver(message)
    by_incident = {}
    for each in mailbox.mails:
        by_incident.setdefault(str(each["References"]).split()[0], []).append(each)
    threads = sorted(map(len, by_incident.values()))
    assert threads == [1, 2]
    first, clear = next(thread for thread in by_incident.values() if len(thread) == 2)
    assert clear["In-Reply-To"] == first["Message-ID"] and first["Message-ID"] in clear["References"]
    assert "All clear" in clear["Subject"] and clear["Auto-Submitted"] == "auto-generated"


def test_a_mail_server_that_refuses_somebody_is_asked_again_for_them_alone() -> None:
    mailbox = Mailbox(refuses="b@example.org")
    message = messages()[0]
    with mail_server(mailbox) as port:
        receiver = mail(port, "a@example.org", "b@example.org")
        for _ in range(2):
            with pytest.raises(DeliveryFailed, match="550 no such mailbox"):
                receiver.deliver(message)
    assert mailbox.recipients == ["a@example.org"] * len(message.incidents)


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
def test_a_mail_server_that_refuses_fails_with_its_words(at: str) -> None:
    mailbox = Mailbox()

    async def refuse(*_: Any) -> str:
        return "554 we take nothing from you"

    setattr(mailbox, f"handle_{at}", refuse)
    with mail_server(mailbox) as port, pytest.raises(DeliveryFailed, match="554 we take nothing"):
        mail(port).deliver(messages()[0])
    assert mailbox.mails == []


def test_a_mail_server_that_is_not_there_fails_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeliveryFailed, match=f"127.0.0.1:{port}"):
        mail(port).deliver(messages()[0])


def test_a_place_with_line_breaks_adds_no_header() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident(place="Genova\r\nBcc: all@example.org"))
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        mail(port).deliver(telling.inboxes["duty"].messages[0])
    assert mailbox.mails[0]["Bcc"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_words_and_its_template(language: Any) -> None:
    english = words_of("en")
    assert {part: set(words) for part, words in words_of(language).items()} == {
        part: set(words) for part, words in english.items()
    }
    telling = Telling()
    telling.take(silence(EVENING.replace(hour=21)), rule(group_wait_s=0), incident(radar=verdict()))
    telling.wait(3600)
    for message in [*messages(), *telling.inboxes["duty"].messages, trial_message("duty", "webhook", "ada")]:
        words = Renderer("http://alerts.example.org", language).render(message)
        assert words.problem == "" and message.rule_title in words.text
        assert words_of(language)["reasons"][message.reason] in words.subject
        whys = [told.why for told in message.incidents]
        assert all(why in words.text for why in whys) == (language == "en"), "what is told in English alone"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_tells_the_newest_official_signal_and_is_not_sent_for_one(language: Any) -> None:
    said = {"feed": "www.gdacs.org", "level": "orange", "published_at": EVENING}
    newest = {"signal_id": "gdacs:2", "title": "Orange flood alert", "url": "https://gdacs.org/2", **said}
    signals = (newest, {"signal_id": "gdacs:1", "title": "Green flood alert", **said})
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident(signals=signals))
    telling.take(incident(revision=2, change="evidence", signals=signals[1:]), after=400)
    (message,) = telling.inboxes["duty"].messages
    words = Renderer("http://alerts.example.org", language).render(message)
    level = words_of(language)["levels"]["orange"]
    assert words.problem == "" and f"({level}), www.gdacs.org" in words.text
    assert "Orange flood alert https://gdacs.org/2" in words.text and "Green" not in words.text


def test_a_message_says_how_many_posts_are_usual() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident(expected_rate=0.004, observed_rate=12.5))
    words = Renderer("http://alerts.example.org", "it").render(telling.inboxes["duty"].messages[0])
    assert "Ora 12.5 all'ora, di solito < 0.01." in words.text


@pytest.mark.parametrize("template", ["{{ message.nothing.at.all }}", "{% for %}", "", "{{ ''.__class__.__mro__ }}"])
def test_a_template_that_fails_costs_its_form_and_is_told(tmp_path: Path, template: str) -> None:
    file = tmp_path / "mine.txt.j2"
    file.write_text(template)
    message = messages()[0]
    words = Renderer("http://alerts.example.org", "it", file).render(message)
    assert "Genova" in words.text and words.problem.startswith("the template mine.txt.j2 failed")
    with hook() as served:
        settings = WebhookSettings(
            name="duty", channel="webhook", url=f"http://127.0.0.1:{served.port}/", secret=SECRET, template=file
        )
        renderer = Renderer("http://alerts.example.org", "en", file)
        assert "failed" in WebhookReceiver(settings, renderer, (f"127.0.0.1:{served.port}",)).deliver(message)


def test_the_cap_receiver_takes_what_is_valid() -> None:
    receiver = CapReceiver(CapSettings(name="cap", channel="cap"), "http://alerts.example.org")
    for message in messages():
        assert receiver.deliver(message) == ""


def test_chat_says_what_is_wrong_without_the_address() -> None:
    with pytest.raises(SetupError) as error:
        ChatReceiver(AppriseSettings(name="phones", channel="apprise", address="nothing://secret"), RENDERER)
    assert "secret" not in str(error.value)
    with hook(500) as served:
        settings = AppriseSettings(name="phones", channel="apprise", address=f"json://127.0.0.1:{served.port}/secret")
        with pytest.raises(DeliveryFailed) as failed:
            ChatReceiver(settings, RENDERER).deliver(messages()[0])
    assert "secret" not in str(failed.value) and len(served.requests) == 1


def test_a_receiver_that_hangs_delays_no_other() -> None:
    threads, hangs, told = DeliveryThreads(1), threading.Event(), threading.Event()
    threads.submit("slow", lambda: hangs.wait(20) and None)
    threads.submit("quick", told.set)
    assert told.wait(10) and not threads.wait(0.01)
    hangs.set()
    assert threads.wait(10)


def test_the_example_file_is_read_and_two_receivers_are_always_there() -> None:
    example = Path(__file__).resolve().parents[2] / "config" / "alerting.example.yaml"
    receivers = read_receivers(example)
    assert {each.channel for each in receivers.values()} == {"webhook", "email", "cap", "stream", "apprise"}
    assert set(read_receivers(None)) == {"stream", "cap"}
    assert "whsec" not in repr(receivers)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("receivers: [", "YAML"),
        ("[]", "one list"),
        ("receivers:\n- {name: a, channel: pigeon}", "channel"),
        ("receivers:\n- {name: a, channel: webhook, url: ftp://a.b, secret: hunter2}", "https://"),
        ("receivers:\n- {name: a, channel: webhook, url: https://a.b, secret: hunter2}", "openssl"),
        ("receivers:\n- {name: a, channel: stream}\n- {name: a, channel: stream}", "own name"),
        (
            "receivers:\n- {name: a, channel: email, sender: a@b.c, to: [a@b.c], "
            "smtp: {host: b, security: none, password: hunter2}}",
            "starttls",
        ),
    ],
)
def test_a_faulty_file_of_receivers_is_refused_without_its_secrets(tmp_path: Path, text: str, remedy: str) -> None:
    file = tmp_path / "alerting.yaml"
    file.write_text(text)
    with pytest.raises(SetupError, match=remedy) as error:
        read_receivers(file)
    assert "hunter2" not in str(error.value)
