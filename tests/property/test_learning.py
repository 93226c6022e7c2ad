"""Laws of learning: a model is a function of the log, a label has one model, scores agree with scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from stormpetrel.core.errors import BadQuery, ModelUnavailable
from stormpetrel.core.events import Annotation, AnnotationUndone, ModelUpdated, Vector, decode, encode
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.rounds import ActiveLearning, Scope
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.annotation_store import AnnotationStore, cohens_kappa
from stormpetrel.learning.annotations.exchange import FORMATS, WRITERS, AnnotationRecord, read_records
from stormpetrel.learning.training import relevance_model
from stormpetrel.learning.training.examples import Examples
from stormpetrel.learning.training.kernel import kernel_of
from stormpetrel.learning.training.label_model import best_cut, round_ranker
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import Learner
from stormpetrel.learning.training.relevance_model import Prior, fit_logistic
from stormpetrel.learning.training.support_vector_ranker import PENALTY, fit
from stormpetrel.learning.training.trainer import TRAINING_VECTOR, Trainer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSIONS, ITEMS = 8, 6
VECTORS = np.random.default_rng(1).standard_normal((ITEMS, DIMENSIONS)).astype(np.float32)
KEY = ("posts", "flood")
# (item, annotator, sign, whether the annotation before it is undone after it)
Step = tuple[int, str, str, bool]
histories = st.lists(
    st.tuples(
        st.integers(0, ITEMS - 1),
        st.sampled_from(["ada", "ben"]),
        st.sampled_from(["positive", "negative", "skip"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)
ALTERNATING: list[Step] = [(n, "ada", ("positive", "negative")[n % 2], False) for n in range(ITEMS)]


def item_ids(kind: str) -> list[str]:
    return [f"file:{n}" if kind == "posts" else f"S2|S1/32632/g120/r0000c{n:04d}" for n in range(ITEMS)]


def events(history: Sequence[Step], collection: str = "posts") -> list[Annotation | AnnotationUndone]:
    kind = Collection.parse(collection).kind
    log: list[Annotation | AnnotationUndone] = []
    for number, (item, annotator, sign, undoes) in enumerate(history):
        moment = NOW + timedelta(seconds=number)
        log.append(
            Annotation(
                annotation_id=f"ann-{number}",
                collection=collection,
                item_id=item_ids(kind)[item],
                label="flood" if kind == "posts" else "water-bodies",
                sign=sign,
                annotator=annotator,
                scale_level=None if kind == "posts" else 120,
                vectors={TRAINING_VECTOR[kind]: Vector.of(VECTORS[item], "m@1")},
                annotated_at=moment,
            )
        )
        if undoes and number:
            previous, who = f"ann-{number - 1}", history[number - 1][1]
            log.append(AnnotationUndone(annotation_id=previous, collection=collection, annotator=who, undone_at=moment))
    return log


def store_of(history: Sequence[Step], collection: str = "posts") -> AnnotationStore:
    store = AnnotationStore(Collection.parse(collection))
    for event in events(history, collection):
        store.take(event)
    return store


def trainer_of(
    history: Sequence[Step], collection: str = "posts", prior: Prior | None = None, published: Sequence[Any] = ()
) -> Trainer:
    trainer = Trainer(prior)
    trainer.remember(published)
    for offset, event in enumerate(events(history, collection)):
        trainer.take(event, (0, offset))
    return trainer


class Cache:
    """The items that the histories annotate, as the embedding cache gives them."""

    def get(self, collection: str, vector: str, equal: dict[str, str]) -> Items:
        ids = item_ids(collection)
        zeros = np.zeros(ITEMS)
        return Items(ids, VECTORS, np.zeros(ITEMS, np.int64), zeros, zeros, np.zeros(ITEMS, np.int64), [{}])


def round_of(history: Sequence[Step], collection: str, prior: Prior | None) -> ActiveLearning:
    kind = Collection.parse(collection).kind
    scope = Scope(Collection.parse(collection), TRAINING_VECTOR[kind], None if kind == "posts" else 120)
    cache: Any = Cache()
    return ActiveLearning(cache, lambda kind: kind, prior, scope, store_of(history, collection))


@settings(max_examples=25, deadline=None)
@given(histories, st.sampled_from(["posts", "posts/genova", "patches"]), st.booleans())
def test_a_round_and_the_stream_have_one_model_of_a_label_with_one_version(
    history: list[Step], collection: str, with_prior: bool
) -> None:
    label = "water-bodies" if collection == "patches" else "flood"
    prior = Prior("flood", "m", LinearModel(np.arange(DIMENSIONS, dtype=np.float64), 0.5)) if with_prior else None
    published = trainer_of(history, collection, prior).model((collection, label), NOW)
    learning = round_of(history, collection, prior)
    if not published.annotations and (prior is None or collection == "patches"):
        with pytest.raises(BadQuery, match="nothing is known"):
            learning.train(label, learning.items())
        return
    trained = learning.train(label, learning.items())
    assert trained.model.version == published.model_version
    assert len(trained.examples.signs) == published.annotations
    if published.serving != "none":
        assert isinstance(trained.model.ranker, LinearModel)
        assert (LinearModel.from_fields(published.weights).weights == trained.model.ranker.weights).all()
    earlier = trainer_of(history[:-1], collection, prior).model((collection, label), NOW) if history[1:] else None
    if earlier and earlier.annotations < published.annotations:
        assert earlier.model_version != published.model_version, "another training set is another version"


@settings(max_examples=25, deadline=None)
@given(histories, st.integers(1, 6), st.lists(st.integers(0, 40), max_size=6))
def test_a_model_is_a_function_of_the_log_however_it_is_cut_doubled_or_restarted(
    history: list[Step], batch: int, repeated: list[int]
) -> None:
    whole = trainer_of(history).model(KEY, NOW)
    # In batches, each published; some events come twice; a restart in the middle goes on from what was published.
    trainer, published = Trainer(), []
    for offset, event in enumerate(events(history)):
        trainer.take(event, (0, offset))
        if offset in repeated:
            trainer.take(event, (0, offset))
        if offset % batch == 0:
            published = [decode(encode(trainer.model(KEY, NOW)), ModelUpdated)]
    for other in (trainer, trainer_of(history, published=published)):
        model = other.model(KEY, NOW)
        assert model.model_version == whole.model_version
        assert model.weights == whole.weights and model.state == whole.state


@settings(max_examples=25, deadline=None)
@given(histories)
def test_annotations_are_exported_and_imported_without_loss_in_every_format(history: list[Step]) -> None:
    records = [AnnotationRecord(annotation, undone) for annotation, undone in store_of(history).history]
    for form in FORMATS:
        assert read_records(WRITERS[form](records, {}), form) == records
    with pytest.raises(BadQuery):
        read_records("what is this", "coco")


@settings(max_examples=30, deadline=None)
@given(histories)
def test_an_undo_brings_back_the_consensus_before(history: list[Step]) -> None:
    store = store_of(history)
    before = sorted((item.item_id, item.sign, item.votes) for item in store.consensus("flood"))
    late = events([(0, "ada", "positive", False)])[0].model_copy(update={"annotation_id": "ann-late"})
    assert store.take(late) and not store.take(late), "an event that comes twice changes nothing"
    assert store.votes("flood", "file:0")["ada"].annotation_id == "ann-late"
    store.take(AnnotationUndone(annotation_id="ann-late", collection="posts", annotator="ada", undone_at=NOW))
    assert sorted((item.item_id, item.sign, item.votes) for item in store.consensus("flood")) == before


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(2, 30))
def test_the_matrix_product_scores_as_scikit_learn_does(seed: int, labels: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((200, dimensions)).astype(np.float32)
    signs = np.where(np.arange(labels) % 2, 1, -1).astype(np.int8)
    kernel = kernel_of(matrix)
    ours, again = fit(matrix[:labels], signs, kernel), fit(matrix[:labels], signs, kernel)
    scaled = matrix.astype(np.float64) * np.sqrt(ours.scale.astype(np.float64))
    theirs = SVC(C=PENALTY, gamma=1.0, class_weight="balanced").fit(scaled[:labels], signs)
    assert np.allclose(ours.scores(matrix), theirs.decision_function(scaled), atol=1e-4)
    assert (ours.weights == again.weights).all() and ours.intercept == again.intercept


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_round_proposes_no_labelled_item_and_none_twice(seed: int, batch_size: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((60, 5)).astype(np.float32)
    rows = rng.choice(60, 8, replace=False)
    signs = np.where(np.arange(8) % 2, 1, -1).astype(np.int8)
    ranker = fit(matrix[rows], signs, kernel_of(matrix))
    result = next_round(matrix, Examples(rows, matrix[rows], signs), ranker, batch_size)
    for part in (result.top, result.boundary):
        assert len(part) == batch_size
    for part in (result.top, result.boundary, result.coverage):
        assert len(part) <= batch_size and len(set(part.tolist())) == len(part)
        assert not set(part.tolist()) & set(rows.tolist())
    assert list(result.scores[result.top]) == sorted(result.scores[result.top], reverse=True)
    assert not set(result.coverage.tolist()) & {*result.top.tolist(), *result.boundary.tolist()}


def test_a_learner_goes_on_from_its_state_as_if_it_had_never_stopped_and_notices_a_drift() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((260, 16)).astype(np.float32)
    signs = [1 if (vector[0] > 0) == (n < 130) else -1 for n, vector in enumerate(vectors)]  # the label turns round
    prior = LinearModel(rng.standard_normal(16), 0.5)
    whole = Learner(prior)
    for n in range(260):
        whole.learn(vectors[n], signs[n])
    assert whole.drifts >= 1
    for stop in (1, 90, 150, 259):
        stopped = Learner(prior)
        for n in range(stop):
            stopped.learn(vectors[n], signs[n])
        state = orjson.loads(orjson.dumps(stopped.state()))
        restarted = Learner.restored(state, list(vectors[:stop]), signs[:stop], prior)
        for n in range(stop, 260):
            restarted.learn(vectors[n], signs[n])
        assert restarted.state() == whole.state()


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30))
def test_the_cut_is_where_the_expected_macro_f1_is_highest(probabilities: list[float]) -> None:
    values = np.array(probabilities)

    def expected(cut: float) -> float:
        positive = values >= cut
        hits, right = values[positive].sum(), (1 - values[~positive]).sum()
        f1_negative = 2 * right / ((~positive).sum() + (1 - values).sum())
        return float(2 * hits / (positive.sum() + values.sum()) + f1_negative)

    assert expected(best_cut(values)) >= max(map(expected, values)) - 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40))
def test_a_regression_beside_a_prior_is_one_linear_model_of_the_vector(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((labels, 6)).astype(np.float32)
    signs = np.where(np.arange(labels) % 2, 1, -1).astype(np.int8)
    prior = LinearModel(rng.standard_normal(6), float(rng.standard_normal()))
    features = np.column_stack([vectors, vectors.astype(np.float64) @ prior.weights + prior.intercept])
    theirs = LogisticRegression(
        C=relevance_model.PENALTY, solver="liblinear", dual=True, max_iter=2000, random_state=0
    ).fit(features, signs)
    ours, again = fit_logistic(vectors, signs, prior), fit_logistic(vectors, signs, prior)
    assert np.allclose(ours.scores(vectors), theirs.decision_function(features), atol=1e-4)
    assert (ours.weights == again.weights).all() and ours.intercept == again.intercept


def test_a_label_begins_with_what_other_events_teach_and_a_prior_is_stored_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labelled = [(rng.standard_normal((60, 8)).astype(np.float32), 1.0 * sign) for sign in (1, -1)]
    other_events = [(vectors, vectors[:, 0] + 0.1 * tilt * vectors[:, 1] > 0) for vectors, tilt in labelled]
    prior = Prior("related", "m", relevance_model.learn_prior(other_events), ("one", "other"))
    prior.save(tmp_path / "prior.json")
    loaded = Prior.load(tmp_path / "prior.json")
    assert (loaded.model.weights == prior.model.weights).all() and loaded.model.intercept == prior.model.intercept
    assert loaded.learned_from == ("one", "other")
    matrix = rng.standard_normal((50, 8)).astype(np.float32)
    none = Examples(np.empty(0, np.int64), np.empty((0, 8), np.float32), np.empty(0, np.int8))
    ranker = round_ranker(none, matrix, loaded.model)
    assert ranker.separates and ((ranker.scores(matrix) > 0) == (matrix[:, 0] > 0)).mean() > 0.8
    with pytest.raises(ModelUnavailable, match="train relevance"):
        Prior.load(tmp_path / "nothing.json")


def test_a_prior_changes_the_model_only_of_its_own_label_and_text_model() -> None:
    def published(prior: Prior | None) -> ModelUpdated:
        return trainer_of(ALTERNATING, prior=prior).model(KEY, NOW)

    weights = LinearModel(np.arange(DIMENSIONS, dtype=np.float64), 0.0)
    without = published(None)
    for other in (Prior("flood", "another text model", weights), Prior("related", "m", weights)):
        assert published(other).weights == without.weights
        assert published(other).model_version == without.model_version
    with_prior = published(Prior("flood", "m", weights))
    assert with_prior.model_version != without.model_version and with_prior.weights != without.weights
    # A restart under another prior does not go on from a model that knew none.
    restarted = trainer_of(ALTERNATING, prior=Prior("flood", "m", weights), published=[without])
    assert restarted.model(KEY, NOW).weights == with_prior.weights


def test_kappa_is_that_of_the_textbook() -> None:
    # Cohen's example in Landis and Koch's form: 20 both yes, 15 both no, 5 and 10 apart.
    pairs = [(1, 1)] * 20 + [(-1, -1)] * 15 + [(1, -1)] * 5 + [(-1, 1)] * 10
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([(1, 1)] * 3) is None, "chance alone gives full agreement"
    assert cohens_kappa([]) is None
