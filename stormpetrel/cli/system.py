"""Starts the parts of the whole system in order: servers, topics, model, then our own processes."""

from __future__ import annotations

from collections.abc import Callable

from stormpetrel.bootstrap import concept_list
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import all_topics
from stormpetrel.local.servers import local_addresses, server_parts
from stormpetrel.local.stack import Part, Stack, this_python
from stormpetrel.log.admin import apply_topics
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.text.encoder import ensure_text_model
from stormpetrel.posts.vision.clip import ensure_clip
from stormpetrel.posts.vision.model import DESCRIPTOR


def _ready(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False


def own_parts(settings: Settings) -> list[Part]:
    """Worker, index and scenes consumers and API, pointed to the local stack."""
    environment = local_addresses(settings)
    return [
        Part("index", this_python("consume", "index"), lambda: _ready(settings.index.probe_port), environment),
        Part("scenes", this_python("consume", "scenes"), lambda: _ready(settings.imagery.probe_port), environment),
        Part("worker", this_python("worker"), lambda: _ready(settings.worker.probe_port), environment),
        Part("api", this_python("serve"), lambda: _ready(settings.api.port), environment),
    ]


def ensure_models(settings: Settings, say: Callable[[str], None]) -> None:
    """Both configured models and the gazetteer in the cache. Raises SetupError where one cannot be had."""
    ensure_gazetteer(settings.cache, settings.places.gazetteer)
    ensure_text_model(settings.models, settings.text_model.name, say)
    if settings.visual_model.name != DESCRIPTOR:
        ensure_clip(settings.models, settings.visual_model.name, concept_list().names, say)


def start_system(
    stack: Stack,
    settings: Settings,
    say: Callable[[str], None],
    servers_only: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Starts everything and returns when it is ready, or as soon as `stop` says so."""
    for part in server_parts(settings):
        if stop():
            return
        say(f"starting {part.name}")
        stack.start(part)
    apply_topics(settings.local_kafka, all_topics())
    if servers_only or stop():
        return
    ensure_models(settings, say)
    for part in own_parts(settings):
        if stop():
            return
        say(f"starting {part.name}")
        stack.start(part)
