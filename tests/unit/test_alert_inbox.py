"""The local receivers of alerts: what they take, what they refuse, and what the demo makes of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from stormpetrel.alerting.receiver_settings import WebhookSettings, read_receivers
from stormpetrel.cli import demo_alerts, demo_incidents
from stormpetrel.cli.system import inbox_part
from stormpetrel.core.clock import now
from stormpetrel.core.errors import SetupError, StormpetrelError
from stormpetrel.core.settings import Settings
from stormpetrel.local.alert_inbox import RECEIVERS, WEBHOOK, Inbox, mails, webhook_messages, write_receivers

BODY = json.dumps({"type": "alert.first", "timestamp": "2026-01-01T00:00:00Z", "data": {"incidents": []}})


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Inbox, Webhook]:
    receiver = read_receivers(write_receivers(tmp_path, 1, 2))[WEBHOOK]
    assert isinstance(receiver, WebhookSettings)
    secret = receiver.secret.get_secret_value()
    return Inbox(tmp_path, secret), Webhook(secret)


def headers(webhook: Webhook, message_id: str, body: str, at: datetime | None = None) -> dict[str, str]:
    moment = at or now()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": webhook.sign(message_id, moment, body),
    }


def test_the_webhook_takes_each_id_once_and_also_after_a_restart(signed: tuple[Inbox, Webhook], tmp_path: Path) -> None:
    inbox, webhook = signed
    for message_id in ("msg_1", "msg_2", "msg_1"):
        assert inbox.take(headers(webhook, message_id, BODY), BODY.encode()) == 204
    again = Inbox(tmp_path, webhook_secret(tmp_path))
    assert again.take(headers(webhook, "msg_2", BODY), BODY.encode()) == 204
    assert [told["id"] for told in webhook_messages(tmp_path)] == ["msg_1", "msg_2"]


def webhook_secret(folder: Path) -> str:
    receiver = read_receivers(folder / RECEIVERS)[WEBHOOK]
    assert isinstance(receiver, WebhookSettings)
    return receiver.secret.get_secret_value()


def test_the_webhook_refuses_what_is_not_signed_changed_or_old(signed: tuple[Inbox, Webhook], tmp_path: Path) -> None:
    inbox, webhook = signed
    right = headers(webhook, "msg_1", BODY)
    assert inbox.take({}, BODY.encode()) == 401
    assert inbox.take(right, BODY.replace("first", "all_clear").encode()) == 401
    assert inbox.take(headers(webhook, "msg_1", BODY, datetime(2020, 1, 1, tzinfo=UTC)), BODY.encode()) == 401
    assert webhook_messages(tmp_path) == []


def test_mails_are_kept_in_their_order(signed: tuple[Inbox, Webhook], tmp_path: Path) -> None:
    inbox, _ = signed
    for subject in ("Nuova segnalazione", "Confermata dal radar"):
        mail = EmailMessage()
        mail["Subject"] = subject
        mail.set_content("Alluvione")
        asyncio.run(inbox.handle_DATA(None, None, SimpleNamespace(content=mail.as_bytes())))
    assert [mail["Subject"] for mail in mails(tmp_path)] == ["Nuova segnalazione", "Confermata dal radar"]


def test_the_file_with_the_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert write_receivers(tmp_path, 1, 2).stat().st_mode & 0o077 == 0


def test_receivers_of_ones_own_are_not_replaced(tmp_path: Path) -> None:
    mine = Settings(alerting={"receivers": tmp_path / "mine.yaml"}, local={"directory": tmp_path})  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="--local-receivers"):
        inbox_part(mine)


def api(answers: dict[str, Any]) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path])

    return httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))


def past(receiver: str, outcome: str, reason: str, revision: int = 1) -> dict[str, Any]:
    return {"receiver": receiver, "outcome": outcome, "reason": reason, "revision": revision, "message_id": "msg_1"}


CONFIRMED = {
    "incident_id": "inc-1",
    "revision": 3,
    "opened_at": "2026-01-01T00:00:00Z",
    "radar": {"verdict": "confirmed"},
}


def test_the_demo_fails_where_a_receiver_is_not_told_what_radar_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_alerts, "PATIENCE_S", 0.0)
    told = [past("hook", "sent", "first"), past("hook", "sending", "confirmed"), past("mail", "sent", "confirmed")]
    client = api({"/v1/alerting/incidents/inc-1": {"past": told}})
    with pytest.raises(StormpetrelError, match=r"^hook were not told of inc-1 \(confirmed\)"):
        demo_alerts.wait_until_told(client, ["hook", "mail"], CONFIRMED)
    demo_alerts.wait_until_told(
        api({"/v1/alerting/incidents/inc-1": {"past": [*told, past("hook", "sent", "first", revision=3)]}}),
        ["hook", "mail"],
        CONFIRMED,
    )
    told.append(past("hook", "sent", "confirmed"))
    demo_alerts.wait_until_told(client, ["hook", "mail"], CONFIRMED)


@pytest.mark.parametrize("radar", [None, {"verdict": "refuted"}])
def test_the_demo_fails_where_radar_confirms_nothing(monkeypatch: pytest.MonkeyPatch, radar: Any) -> None:
    monkeypatch.setattr(demo_incidents, "PATIENCE_S", 0.0)
    client = api({"/v1/incidents": {"incidents": [{**CONFIRMED, "radar": radar}]}})
    with pytest.raises(StormpetrelError, match="confirmed no incident"):
        demo_incidents.show_verdict(client)


def test_the_demo_fails_where_its_night_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_incidents, "PATIENCE_S", 0.0)
    client = api({"/v1/incidents": {"incidents": []}})
    with pytest.raises(StormpetrelError, match="opened no incident"):
        demo_incidents.show_incidents(client, must_open=True)
    assert demo_incidents.show_incidents(client, must_open=False) is None
