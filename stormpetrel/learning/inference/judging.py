"""Labels that reach back: when a model changes, everything that is indexed is judged anew, in the background.

A full pass follows every change of a model, over all items of the window. Beside it, short passes look at what was
indexed since the last one. They find the post that an older model has judged and that was indexed after the full pass
had gone by, and the patch that was described a moment ago, which nobody has judged yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

import structlog

from stormpetrel.core.clock import now_ms
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import ModelUpdated
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.core.ports import Document, DocumentWriter, Filter
from stormpetrel.learning.inference.judgement import Judge
from stormpetrel.learning.inference.patch_rankers import PatchRankers
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.process.metrics import JUDGING_SECONDS, LABELS_CHANGED, MODELS_TO_JUDGE

log = structlog.get_logger()
JUDGED = "judged"  # the documents that say by which version of each model everything is judged
KINDS: tuple[ItemKind, ...] = ("posts", "patches")


@dataclass
class Judging:
    """Judges by the newest models of `scorer`: posts by `judges["posts"]`, patches by `judges["patches"]`, whose
    vectors `specs` describes. Items older than `window` keep their labels; None judges everything. `overlap` is how
    long an item may take from its `indexed_at` until it is found. One thread at a time."""

    scorer: Scorer
    judges: dict[ItemKind, Judge]
    specs: dict[ItemKind, EmbeddingSpec]
    rankers: PatchRankers
    documents: DocumentWriter
    window: timedelta | None = None
    overlap: timedelta = timedelta(seconds=30)
    _versions: dict[str, str] = field(default_factory=dict)  # of the models by which everything is judged
    _looked_ms: int | None = None

    def forget(self) -> None:
        """Another process may have judged since: everything is judged again, which changes only what differs."""
        self._versions.clear()
        self._looked_ms = None

    def catch_up(self) -> int:
        """Judges everything by the models that have changed, then what was indexed since the last call by all of them;
        returns how many labels were added or removed. Raises StoreUnavailable: the next call goes on from there."""
        since_ms, started_ms = self._looked_ms, now_ms()
        changed = self._judge_everything()
        if since_ms is None:
            since_ms = started_ms
        recent = self._window({"indexed_at": (since_ms - 1000 * self.overlap.total_seconds(), None)})
        for kind in KINDS:
            models, judge = self._models(kind), self.judges[kind]
            if models and judge.index.count(judge.collection, recent):
                changed += self._judge(kind, models, recent)
        self._looked_ms = started_ms
        return changed

    def _judge_everything(self) -> int:
        changed = 0
        for kind in KINDS:
            due = [model for model in self._models(kind) if self._versions.get(model.model_id) != model.model_version]
            MODELS_TO_JUDGE.labels(kind).set(len(due))
            if not due:
                continue
            with JUDGING_SECONDS.labels(kind).time():
                changed += self._judge(kind, due, self._window())
            self._note(kind, due)
        return changed

    def _note(self, kind: ItemKind, models: Sequence[ModelUpdated]) -> None:
        """Notes that everything is judged by these models, where they still are the newest."""
        count = self.judges[kind].index.count(self.judges[kind].collection, self._window())
        whole = [model for model in models if self._is_newest(model)]
        self.documents.upsert(JUDGED, [_judged_document(model, kind, count) for model in whole])
        self._versions |= {model.model_id: model.model_version for model in whole}
        MODELS_TO_JUDGE.labels(kind).set(len(models) - len(whole))

    def _judge(self, kind: ItemKind, models: Sequence[ModelUpdated], within: Filter) -> int:
        judge = self.judges[kind]
        if kind == "patches":
            changed = judge.by_rankers({model.model_id: self.rankers.of(model) for model in models}, within)
        else:
            changed = {
                model.model_id: judge.by_linear_model(model.model_id, _served(model), within, self._newest(model))
                for model in models
            }
        LABELS_CHANGED.labels(kind).inc(sum(changed.values()))
        return sum(changed.values())

    def _models(self, kind: ItemKind) -> list[ModelUpdated]:
        """The newest models of such items that are of the index's vectors; others can judge nothing here."""
        models = [model for model in self.scorer.models() if Collection.parse(model.collection).kind == kind]
        return [model for model in models if self._fits(self.specs[kind], model)]

    def _fits(self, spec: EmbeddingSpec, model: ModelUpdated) -> bool:
        """A model without examples (all were undone) names no vectors: no item bears its label."""
        served = _served(model)
        is_of_model = model.vector_model in ("", spec.model) or model.vector_model.split("@")[0] == spec.model
        return is_of_model and (served is None or len(served.weights) == spec.dimensions)

    def _is_newest(self, model: ModelUpdated) -> bool:
        newest = self.scorer.get(model.model_id)
        return newest is not None and newest.model_version == model.model_version

    def _newest(self, model: ModelUpdated) -> Callable[[], bool]:
        return lambda: self._is_newest(model)

    def _window(self, ranges: Mapping[str, tuple[float | None, float | None]] = MappingProxyType({})) -> Filter:
        if self.window is None:
            return Filter(ranges=ranges)
        return Filter(ranges={**ranges, "event_time": (now_ms() - 1000 * self.window.total_seconds(), None)})


def _served(model: ModelUpdated) -> LinearModel | None:
    """The model's weights; None where there is no boundary yet."""
    return LinearModel.from_fields(model.weights) if model.serving != "none" else None


def _judged_document(model: ModelUpdated, kind: ItemKind, count: int) -> Document:
    counts = {"posts": 0, "patches": 0, kind: count}
    return {"_id": model.model_id, "version": model.model_version, **counts, "judged_at": now_ms()}
