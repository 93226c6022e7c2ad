"""The train agent on the log in memory: restarts, rebalances and what no learner can take."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest

from stormpetrel.core.events import Annotation, AnnotationForgotten, ModelUpdated, Vector, annotation_key
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED, Topic
from stormpetrel.learning.training.trainer import Trainer
from stormpetrel.log import OutgoingRecord, Record, record_of_event
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from streams.train import TrainBatch

AT = datetime(2026, 1, 1, tzinfo=UTC)


def annotate(log: MemoryLog, numbers: Sequence[int]) -> None:
    for number in numbers:
        vector = np.random.default_rng(number).normal(size=8).astype(np.float32)
        annotation = Annotation(
            annotation_id=f"ann-{number}",
            collection="posts/genova",
            item_id=f"x:{number}",
            label="related",
            sign="positive" if number % 2 else "negative",
            annotator="ada",
            vectors={"text": Vector.of(vector, "tiny")},
            annotated_at=AT,
        )
        log.append(record_of_event(ANNOTATIONS, annotation.annotation_id, annotation))


def models(outgoing: Sequence[OutgoingRecord], topic: Topic = MODELS_UPDATED) -> list[ModelUpdated]:
    records = [Record(sent.topic, 0, 0, sent.key, sent.value, sent.headers) for sent in outgoing]
    return [record.decode(ModelUpdated) for record in records if record.topic == topic.name]


def test_a_trainer_that_missed_records_in_a_rebalance_reads_the_log_anew_and_makes_the_same_model() -> None:
    log = MemoryLog(partitions=1)
    annotate(log, range(4))
    moved = TrainBatch(MemoryTopicReader(log), None)
    moved.train(log.records(ANNOTATIONS.name))
    # Another worker has the partition while records 4 to 7 come.
    annotate(log, range(4, 12))
    records = log.records(ANNOTATIONS.name)
    (after_gap,) = models(moved.train(records[8:]))
    (model,) = models(TrainBatch(MemoryTopicReader(log), None).train(records))
    assert after_gap.annotations == 12
    assert (after_gap.model_version, after_gap.weights) == (model.model_version, model.weights)


def test_an_annotation_that_cannot_be_read_is_dead_lettered_and_teaches_nothing() -> None:
    log = MemoryLog(partitions=1)
    annotate(log, range(3))
    log.append(OutgoingRecord(ANNOTATIONS.name, b"posts/genova", b"{}", {"schema": b"Annotation"}))
    annotate(log, [3])
    outgoing = TrainBatch(MemoryTopicReader(log), None).train(log.records(ANNOTATIONS.name))
    (model,) = models(outgoing)
    assert model.annotations == 4
    (letter,) = [sent for sent in outgoing if sent.topic == ANNOTATIONS.dead().name]
    assert letter.headers["stage"] == b"train" and letter.headers["provenance"] == b"annotations/0/3"


def test_the_same_annotations_twice_publish_nothing_new() -> None:
    log = MemoryLog(partitions=1)
    annotate(log, range(4))
    records, trainer = log.records(ANNOTATIONS.name), TrainBatch(MemoryTopicReader(log), None)
    assert len(models(trainer.train(records))) == 1
    assert trainer.train(records) == []


def poisoned(log: MemoryLog, change: Callable[[dict[str, Any]], None]) -> None:
    """Appends an annotation whose JSON was changed."""
    fields = orjson.loads(log.records(ANNOTATIONS.name)[0].value)
    fields["annotation_id"] = "ann-poison"
    fields["item_id"] = "x:poison"
    change(fields)
    log.append(OutgoingRecord(ANNOTATIONS.name, b"posts/genova", orjson.dumps(fields), {"schema": b"Annotation"}))


def with_vector(values: Sequence[float]) -> Callable[[dict[str, Any]], None]:
    data = base64.b64encode(np.array(values, dtype="<f4").tobytes()).decode()
    vector = {"model": "tiny", "dimensions": len(values), "data": data}
    return lambda fields: fields.update(vectors={"text": vector})


POISON = {
    "NaN": with_vector([float("nan")] * 8),
    "infinite": with_vector([float("inf")] * 8),
    "huge": with_vector([3e38] * 8),
    "wrong dimension": with_vector([0.5] * 7),
    "no base64": lambda fields: fields["vectors"]["text"].update(data="%%%"),
    "cut base64": lambda fields: fields["vectors"]["text"].update(data="AAAA"),
    "late": lambda fields: fields.update(annotated_at="9999-12-31T23:59:59-14:00"),
    "early": lambda fields: fields.update(annotated_at="0001-01-01T00:00:00+14:00"),
}


@pytest.mark.parametrize("change", POISON.values(), ids=POISON)
def test_what_no_learner_can_take_is_dead_lettered_and_does_not_come_back_at_a_restart(
    change: Callable[[dict[str, Any]], None],
) -> None:
    log = MemoryLog(partitions=1)
    annotate(log, range(3))
    poisoned(log, change)
    annotate(log, [3])
    records = log.records(ANNOTATIONS.name)
    for _ in range(2):  # the second is a new process: it reads the whole log
        outgoing = TrainBatch(MemoryTopicReader(log), None).train(records)
        (model,) = models(outgoing)
        assert model.annotations == 4
        (letter,) = [sent for sent in outgoing if sent.topic == ANNOTATIONS.dead().name]
        assert letter.headers["provenance"] == b"annotations/0/3" and len(letter.headers["reason"]) > 20


def test_a_label_that_cannot_be_learned_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog(partitions=1)
    annotate(log, range(2))
    poisoned(log, lambda fields: fields.update(label="cursed"))
    model_of = Trainer.model

    def model(trainer: Trainer, key: tuple[str, str], now: datetime) -> ModelUpdated:
        if key[1] == "cursed":
            raise ValueError("Input X contains NaN")
        return model_of(trainer, key, now)

    monkeypatch.setattr(Trainer, "model", model)
    outgoing = TrainBatch(MemoryTopicReader(log), None).train(log.records(ANNOTATIONS.name))
    assert [model.label for model in models(outgoing)] == ["related"]
    (letter,) = [sent for sent in outgoing if sent.topic == ANNOTATIONS.dead().name]
    assert b"Input X contains NaN" in letter.headers["reason"]


def test_a_forgotten_annotation_teaches_nothing_and_the_model_is_that_of_the_others() -> None:
    log, without = MemoryLog(partitions=1), MemoryLog(partitions=1)
    annotate(log, range(8))
    annotate(without, [number for number in range(8) if number != 3])
    trainer = TrainBatch(MemoryTopicReader(log), None)
    trainer.train(log.records(ANNOTATIONS.name))
    forgotten = AnnotationForgotten(annotation_id="ann-3", collection="posts/genova", forgotten_at=AT)
    log.append(record_of_event(ANNOTATIONS, annotation_key(forgotten), forgotten))
    (live,) = models(trainer.train(log.records(ANNOTATIONS.name)[-1:]))
    (compacted,) = models(TrainBatch(MemoryTopicReader(without), None).train(without.records(ANNOTATIONS.name)))
    assert live.annotations == 7
    assert (live.model_version, live.weights) == (compacted.model_version, compacted.weights)
    annotate(log, [3])  # an import brings it again
    assert models(trainer.train(log.records(ANNOTATIONS.name)[-1:])) == []


def test_the_libraries_of_learners_are_loaded_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()
    monkeypatch.setattr("streams.train.load_learners", loaded.set)
    monkeypatch.setattr("streams.train.LEARNERS_AFTER_S", 0.0)
    trainer = TrainBatch(MemoryTopicReader(MemoryLog(partitions=1)), None)
    assert trainer.train([]) == [] and not loaded.is_set()
    asyncio.run(trainer.load_learners_later())
    assert loaded.wait(60)
