"""Starts the parts of the whole system in order: servers, topics, model, then our own processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import httpx

from stormpetrel.bootstrap import LEXICON, open_text_encoder, photo_prompts
from stormpetrel.cli.console import ERROR
from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import all_topics
from stormpetrel.local.alert_inbox import LOOPBACK, write_receivers
from stormpetrel.local.servers import local_addresses, server_parts
from stormpetrel.local.stack import Part, Stack, answers, child_environment, free_port, stop_left_running, this_python
from stormpetrel.log.admin import apply_topics, consumer_lags
from stormpetrel.posts.gloss.build import ensure_lexicon
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.text.encoder import TextEncoder, ensure_text_model
from stormpetrel.posts.vision.clip import ensure_clip
from stormpetrel.posts.vision.model import DESCRIPTOR

START_PATIENCE_S = 300.0


def is_ready(port: int, host: str = "127.0.0.1") -> bool:
    """Whether the process that serves this port says that it can work."""
    try:
        return httpx.get(f"http://{host}:{port}/readyz", timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False


def inbox_folder(settings: Settings) -> Path:
    """Where the local receivers of alerts keep what they are told."""
    return settings.local.directory.resolve() / "alerts"


def inbox_part(settings: Settings) -> tuple[Part, dict[str, str]]:
    """The local receivers of alerts on free ports, and the variables by which our processes know them. Raises
    SetupError where the user has receivers of their own."""
    if settings.alerting.receivers is not None:
        raise SetupError(
            f"alerting.receivers names {settings.alerting.receivers}: these are told, and no others. Leave "
            "--local-receivers out, or the setting empty"
        )
    folder, webhook_port, mail_port = inbox_folder(settings), free_port(), free_port()
    file = write_receivers(folder, webhook_port, mail_port)
    variables = {
        "STORMPETREL_ALERTING__RECEIVERS": str(file),
        "STORMPETREL_ALERTING__PRIVATE_HOSTS": json.dumps([f"{LOOPBACK}:{webhook_port}"]),
    }
    command = this_python("local", "alerts", "--directory", str(folder))
    return Part("alerts", command, lambda: answers(webhook_port) and answers(mail_port)), variables


def own_parts(settings: Settings, variables: Mapping[str, str] | None = None) -> list[Part]:
    """Worker, index, photos, scenes, detect and notify consumers and API, pointed to the local stack. `variables` are
    set for all of them."""
    environment = {**local_addresses(settings), **(variables or {})}
    if "public_url" not in settings.alerting.model_fields_set:
        environment["STORMPETREL_ALERTING__PUBLIC_URL"] = f"http://{settings.api.host}:{settings.api.port}"
    return [
        Part("index", this_python("consume", "index"), lambda: is_ready(settings.index.probe_port), environment),
        Part("photos", this_python("consume", "photos"), lambda: is_ready(settings.photos.probe_port), environment),
        Part("scenes", this_python("consume", "scenes"), lambda: is_ready(settings.imagery.probe_port), environment),
        Part("notify", this_python("consume", "notify"), lambda: is_ready(settings.alerting.probe_port), environment),
        Part("detect", this_python("consume", "detect"), lambda: is_ready(settings.detection.probe_port), environment),
        Part("worker", this_python("worker"), lambda: is_ready(settings.worker.probe_port), environment),
        Part("api", this_python("serve"), lambda: is_ready(settings.api.port), environment),
    ]


def load_text_encoder(settings: Settings, say: Callable[[str], None]) -> TextEncoder:
    """The configured text encoder, exported first where the cache lacks it."""
    ensure_text_model(settings.models, settings.text_model.name, say)
    return open_text_encoder(settings)


def ensure_models(settings: Settings, say: Callable[[str], None]) -> None:
    """Both configured models, the gazetteer and the word list in the cache. Raises SetupError where one cannot be
    obtained."""
    ensure_gazetteer(settings.cache, settings.places.gazetteer)
    ensure_lexicon(settings.cache, LEXICON, settings.lexicon.directory)
    ensure_text_model(settings.models, settings.text_model.name, say)
    if settings.visual_model.name != DESCRIPTOR:
        ensure_clip(settings.models, settings.visual_model.name, photo_prompts(), say)


def start_in_background(directory: Path, settings: Settings, *options: str) -> subprocess.Popen[bytes]:
    """`stormpetrel up` with these options in a session of its own, so that it outlives this command. Returns when the
    API is ready; raises SetupError where it does not become so."""
    stop_left_running(directory)
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    log = directory / "logs" / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            this_python("up", *options),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=child_environment(os.environ),
            start_new_session=True,
        )
    deadline = time.monotonic() + START_PATIENCE_S
    with ERROR.status("starting the local stack") as status:
        try:
            while not (_last_line(log).startswith("up:") and is_ready(settings.api.port, settings.api.host)):
                if process.poll() is not None:
                    raise SetupError(f"the system did not start:\n{log.read_text(errors='replace')[-3000:]}")
                if time.monotonic() > deadline:
                    raise SetupError(f"the system is not ready after {START_PATIENCE_S:.0f} s; see {log}")
                status.update(_last_line(log) or "starting the local stack")
                time.sleep(0.3)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            raise
    return process


def _last_line(log: Path) -> str:
    return next((line for line in reversed(log.read_text(errors="replace").splitlines()) if line.strip()), "").strip()


def wait_until_processed(
    settings: Settings, groups: Iterable[str], patience_s: float, report: Callable[[int], object] = lambda _: None
) -> None:
    """Returns when the local stack's consumer groups have no lag; `report` gets the lag, in records. Raises SetupError
    where it does not change for `patience_s`."""
    names = tuple(groups)
    zeros, lag, changed = 0, -1, time.monotonic()
    # One group can only be done when the one before it is: look twice before believing a zero.
    while zeros < 2:
        before = lag
        try:
            lags = consumer_lags(settings.local_kafka)
            lag = sum(lags[name] for name in names)
            zeros = 0 if lag else zeros + 1
        except StoreUnavailable:
            zeros = 0  # a busy broker: no progress is seen, and the patience runs
        changed = changed if lag == before else time.monotonic()
        report(lag)
        if time.monotonic() - changed > patience_s:
            raise SetupError(f"{lag} records of {', '.join(names)} make no progress; see the logs of these processes")
        time.sleep(0.2)


def start_system(
    stack: Stack,
    settings: Settings,
    say: Callable[[str], None],
    servers_only: bool = False,
    local_receivers: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Starts everything and returns when it is ready, or as soon as `stop` says so."""

    def start(parts: Iterable[Part]) -> None:
        for part in itertools.takewhile(lambda _: not stop(), parts):
            say(f"starting {part.name}")
            stack.start(part)

    inbox, variables = inbox_part(settings) if local_receivers else (None, {})
    start(server_parts(settings))
    if not stop():
        apply_topics(settings.local_kafka, all_topics())
    if servers_only or stop():
        return
    ensure_models(settings, say)
    start([*filter(None, [inbox]), *own_parts(settings, variables)])
