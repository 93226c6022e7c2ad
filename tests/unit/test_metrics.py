"""What operators see in /metrics: dead letters by topic, listeners, and which version of each model is in use."""

from __future__ import annotations

from prometheus_client import REGISTRY

from stormpetrel.log import Record, dead_letter_of
from stormpetrel.process.metrics import model_in_use


def test_each_dead_letter_is_counted_by_topic_and_stage() -> None:
    labels = {"topic": "posts.raw", "stage": "test of metrics"}
    for _ in range(2):
        dead_letter_of(Record("posts.raw", 0, 0, b"x:1", b"{}"), "a reason", labels["stage"])
    assert REGISTRY.get_sample_value("stormpetrel_dead_letters_total", labels) == 2


def test_a_model_has_one_version_at_a_time() -> None:
    def versions() -> dict[str, float]:
        (gauge,) = (metric for metric in REGISTRY.collect() if metric.name == "stormpetrel_model_version")
        return {
            sample.labels["version"]: sample.value
            for sample in gauge.samples
            if sample.labels["model"] == "a test's model"
        }

    for version in ("1", "1", "2"):
        model_in_use("a test's model", version)
    assert versions() == {"2": 1}


def test_listeners_are_a_gauge_from_the_start() -> None:
    assert REGISTRY.get_sample_value("stormpetrel_listeners") is not None
