"""Radar products that come, come again and are withdrawn while faults strike: each is described once, and whole."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stormpetrel.core.clock import now
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.ports import Filter
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.demo.scenes import Ground, write_radar
from stormpetrel.imagery.catalogue.folder import product_at
from stormpetrel.log import record_of_event
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.stores.collections import patches_collection
from tests.chaos.load import deliver_until_acknowledged
from tests.chaos.repeated_work import RepeatedWork
from tests.chaos.system import ChaosSystem

COLLECTION = patches_collection("", ("awld-8x18-w7@1", 144), ("ms-4x32-sqrt@1", 128)).name
PRODUCTS, SIZE = 6, 480  # pixels of 10 m
EVERY_S = 8.0
WITHDRAWN = 0.2  # of what is published


class SceneLoad:
    """Publishes from `start` until `stop`. `stands` says whether a product was announced last, or withdrawn."""

    def __init__(self, kafka: Kafka, seed: int, folder: Path) -> None:
        self._producer, self._random = KafkaProducer(kafka), random.Random(seed)
        self._products = [_product(folder, number) for number in range(PRODUCTS)]
        self.stands: dict[str, bool] = {}
        self.published = 0
        self._work = RepeatedWork("products", EVERY_S, lambda: self._publish(self._random.choice(self._products)))
        self.start, self.stop = self._work.start, self._work.stop

    def _publish(self, product: ProductAnnounced) -> None:
        name = product.product_name
        withdrawn = self.stands.get(name, False) and self._random.random() < WITHDRAWN
        event: ProductAnnounced | ProductWithdrawn
        if withdrawn:
            event = ProductWithdrawn(product_name=name, source="folder", withdrawn_at=now())
        else:  # of another revision, or it would be no new work
            event = product.model_copy(update={"revision": str(self.published), "announced_at": now()})
        deliver_until_acknowledged(self._producer, [record_of_event(PRODUCTS_ANNOUNCED, name, event)])
        self.stands[name] = not withdrawn
        self.published += 1


def _product(folder: Path, number: int) -> ProductAnnounced:
    """A radar product of ground that no other one covers, 20 km further north than the last."""
    ground = Ground(32632, 499_200, 4_924_800 + 20_160 * number, SIZE)
    sensed = datetime(2025, 10, 23, 5, 35, tzinfo=UTC) + timedelta(days=number)
    return product_at(write_radar(folder, ground, sensed, flood=False, seed=number), now())


def wrong_scenes(system: ChaosSystem, scenes: SceneLoad) -> list[str]:
    """What is wrong with the patches in the stores: missing, doubled, left over, or of a scene that is not whole."""
    documents, wrong = Counter(system.documents.ids("patches")), []
    for name, stands in scenes.stands.items():
        scene = system.documents.get("scenes", [name]).get(name)
        expected = sum(scene["patches"].values()) if scene else 0
        within = Filter(any_of={"scene_id": [name]})
        found = {
            "documents": Counter({entity: n for entity, n in documents.items() if entity.startswith(f"{name}/")}),
            "vectors": Counter(system.index.ids(COLLECTION, within)),
        }
        for store, ids in found.items():
            if (scene is not None) != stands or set(ids.values()) - {1} or len(ids) != expected:
                state = "announced" if stands else "withdrawn"
                held = f"{len(ids)} patches of {expected} in {store}, {sum(ids.values())} held"
                wrong.append(f"{name} is {state}: {held}")
    return wrong
