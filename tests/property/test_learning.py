"""Laws of learning: one score whichever way it is reckoned, a model is a function of the log, nothing said is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from stormpetrel.core.errors import BadQuery, ModelUnavailable
from stormpetrel.core.events import Annotation, AnnotationUndone, ModelUpdated, Vector, decode, encode
from stormpetrel.learning.active.selection import Examples, next_round
from stormpetrel.learning.annotations.annotation_store import AnnotationStore, cohens_kappa
from stormpetrel.learning.annotations.exchange import FORMS, Kept, read, written
from stormpetrel.learning.training import relevance_model as relevance
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import Learner
from stormpetrel.learning.training.support_vector_ranker import PENALTY, fit, width_of
from stormpetrel.learning.training.thresholds import best_cut
from stormpetrel.learning.training.trainer import Trainer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 8
# (item, annotator, sign, whether the annotation before last is undone after it)
sayings = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["ada", "ben"]),
        st.sampled_from(["positive", "negative", "skip"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def events(said: list[tuple[int, str, str, bool]]) -> list[Annotation | AnnotationUndone]:
    found: list[Annotation | AnnotationUndone] = []
    rng = np.random.default_rng(1)
    vectors = [Vector.of(rng.standard_normal(SIZE).astype(np.float32), "m@1") for _ in range(6)]
    for number, (item, annotator, sign, undoes) in enumerate(said):
        at = NOW + timedelta(seconds=number)
        found.append(
            Annotation(
                annotation_id=f"ann-{number}",
                collection="posts",
                item_id=f"file:{item}",
                label="flood",
                sign=sign,
                annotator=annotator,
                vectors={"text": vectors[item]},
                annotated_at=at,
            )
        )
        if undoes and number:
            undone = found[0]
            assert isinstance(undone, Annotation)
            found.append(
                AnnotationUndone(
                    annotation_id=f"ann-{number - 1}", collection="posts", annotator=said[number - 1][1], undone_at=at
                )
            )
    return found


@settings(max_examples=25, deadline=None)
@given(sayings, st.integers(1, 6), st.lists(st.integers(0, 40), max_size=6))
def test_a_model_is_a_function_of_the_log_however_it_is_cut_doubled_or_restarted(
    said: list[tuple[int, str, str, bool]], cut: int, twice: list[int]
) -> None:
    log = events(said)
    key = ("posts", "flood")
    whole = Trainer()
    for offset, event in enumerate(log):
        whole.take(event, (0, offset))
    once = whole.model(key, NOW)
    # In batches, each published; some events come twice; a restart in the middle goes on from what was published.
    trainer, published = Trainer(), None
    for offset, event in enumerate(log):
        trainer.take(event, (0, offset))
        if offset in twice:
            trainer.take(event, (0, offset))
        if offset % cut == 0:
            published = decode(encode(trainer.model(key, NOW)), ModelUpdated)
    restarted = Trainer()
    restarted.remember([published] if published else [])
    for offset, event in enumerate(log):
        restarted.take(event, (0, offset))
    for other in (trainer.model(key, NOW), restarted.model(key, NOW)):
        assert other.model_version == once.model_version
        assert other.weights == once.weights and other.state == once.state


@settings(max_examples=25, deadline=None)
@given(sayings)
def test_annotations_go_out_and_come_in_without_loss_in_every_form(said: list[tuple[int, str, str, bool]]) -> None:
    annotation_store = AnnotationStore("posts")
    for event in events(said):
        annotation_store.take(event)
    kept = [Kept(held, undone) for held, undone in annotation_store.history]
    for form in FORMS:
        assert read(written(kept, form, {}), form) == kept
    with pytest.raises(BadQuery):
        read("what is this", "coco")


@settings(max_examples=30, deadline=None)
@given(sayings)
def test_an_undo_brings_back_what_held_before(said: list[tuple[int, str, str, bool]]) -> None:
    annotation_store = AnnotationStore("posts")
    for event in events(said):
        annotation_store.take(event)
    before = [(one.item_id, one.sign, one.by) for one in annotation_store.judged("flood")]
    late = events([(0, "ada", "positive", False)])[0].model_copy(update={"annotation_id": "ann-late"})
    assert annotation_store.take(late) and not annotation_store.take(late), "what comes twice changes nothing"
    annotation_store.take(
        AnnotationUndone(annotation_id="ann-late", collection="posts", annotator="ada", undone_at=NOW)
    )
    after = [(one.item_id, one.sign, one.by) for one in annotation_store.judged("flood")]
    assert sorted(after, key=lambda one: one[0]) == sorted(before, key=lambda one: one[0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(2, 30))
def test_the_matrix_product_scores_as_scikit_learn_does(seed: int, labels: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((200, dimensions)).astype(np.float32)
    signs = np.where(np.arange(labels) % 2, 1, -1).astype(np.int8)
    gamma = width_of(matrix)
    theirs = SVC(C=PENALTY, gamma=gamma, class_weight="balanced").fit(matrix[:labels].astype(np.float64), signs)
    ours = fit(matrix[:labels], signs, gamma)
    assert np.allclose(ours.scores(matrix), theirs.decision_function(matrix), atol=1e-4)
    assert ours.version == fit(matrix[:labels], signs, gamma).version


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_round_asks_no_label_again_and_none_twice(seed: int, ask: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((60, 5)).astype(np.float32)
    rows = rng.choice(60, 8, replace=False)
    signs = np.where(np.arange(8) % 2, 1, -1).astype(np.int8)
    ranker = fit(matrix[rows], signs, width_of(matrix))
    found = next_round(matrix, Examples(rows, matrix[rows], signs), ranker, ask)
    for part in (found.top, found.boundary, found.coverage):
        assert len(part) <= ask and len(set(part.tolist())) == len(part)
        assert not set(part.tolist()) & set(rows.tolist())
    assert list(found.scores[found.top]) == sorted(found.scores[found.top], reverse=True)
    assert not set(found.coverage.tolist()) & {*found.top.tolist(), *found.boundary.tolist()}


def test_a_learner_goes_on_from_its_state_as_if_it_had_never_stopped_and_notices_a_drift() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((260, 16)).astype(np.float32)
    signs = [1 if (vector[0] > 0) == (n < 130) else -1 for n, vector in enumerate(vectors)]  # the label turns round
    prior = LinearModel(rng.standard_normal(16), 0.5)
    whole = Learner(prior)
    for n in range(260):
        whole.learn(f"a{n}", vectors[n], signs[n])
    assert whole.drifts >= 1
    for stop in (1, 90, 150, 259):
        half = Learner(prior)
        for n in range(stop):
            half.learn(f"a{n}", vectors[n], signs[n])
        state = orjson.loads(orjson.dumps(half.state()))
        again = Learner.restored(state, list(vectors[:stop]), signs[:stop], prior)
        for n in range(stop, 260):
            again.learn(f"a{n}", vectors[n], signs[n])
        assert again.state() == whole.state()


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30))
def test_the_cut_is_where_the_expected_macro_f1_is_highest(probabilities: list[float]) -> None:
    values = np.array(probabilities)

    def expected(cut: float) -> float:
        told = values >= cut
        hits, right = values[told].sum(), (1 - values[~told]).sum()
        return float(2 * hits / (told.sum() + values.sum()) + 2 * right / ((~told).sum() + (1 - values).sum()))

    assert expected(best_cut(values)) >= max(map(expected, values)) - 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.booleans())
def test_a_regression_beside_a_prior_is_one_linear_model_of_the_vector(seed: int, labels: int, balanced: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((labels, 6)).astype(np.float32)
    signs = np.where(np.arange(labels) % 2, 1, -1).astype(np.int8)
    prior = LinearModel(rng.standard_normal(6), float(rng.standard_normal()))
    joined = np.column_stack([vectors, vectors.astype(np.float64) @ prior.weights + prior.intercept])
    theirs = LogisticRegression(
        C=relevance.PENALTY,
        solver="liblinear",
        dual=True,
        max_iter=2000,
        random_state=0,
        class_weight="balanced" if balanced else None,
    ).fit(joined, signs)
    ours = relevance.logistic(vectors, signs, prior, balanced)
    assert np.allclose(ours.scores(vectors), theirs.decision_function(joined), atol=1e-4)
    assert ours.version == relevance.logistic(vectors, signs, prior, balanced).version


def test_a_label_begins_with_what_other_events_teach_and_a_prior_is_kept_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lessons = [(rng.standard_normal((60, 8)).astype(np.float32), 1.0 * sign) for sign in (1, -1)]
    events = [(vectors, vectors[:, 0] + 0.1 * tilt * vectors[:, 1] > 0) for vectors, tilt in lessons]
    prior = relevance.Prior("related", "m", relevance.learn_prior(events), ("one", "other"))
    prior.save(tmp_path / "prior.json")
    again = relevance.Prior.load(tmp_path / "prior.json")
    assert again.version == prior.version and again.learned_from == ("one", "other")
    matrix = rng.standard_normal((50, 8)).astype(np.float32)
    none = Examples(np.empty(0, np.int64), np.empty((0, 8), np.float32), np.empty(0, np.int8))
    begun, _ = relevance.fitted(none, matrix, again.model)
    assert begun.separates and ((begun.scores(matrix) > 0) == (matrix[:, 0] > 0)).mean() > 0.8
    with pytest.raises(ModelUnavailable, match="train relevance"):
        relevance.Prior.load(tmp_path / "nothing.json")


def test_another_prior_makes_another_model_of_the_same_labels_and_one_of_another_text_model_none() -> None:
    def taught(prior: relevance.Prior | None) -> ModelUpdated:
        trainer = Trainer(prior)
        for offset, event in enumerate(
            events([(n % 6, "ada", ("positive", "negative")[n % 2], False) for n in range(6)])
        ):
            trainer.take(event, (0, offset))
        return trainer.model(("posts", "flood"), NOW)

    weights = LinearModel(np.arange(SIZE, dtype=np.float64), 0.0)
    without = taught(None)
    other_space, other_label = relevance.Prior("flood", "n", weights), relevance.Prior("related", "m", weights)
    assert taught(other_space).weights == taught(other_label).weights == without.weights
    with_prior = taught(relevance.Prior("flood", "m", weights))
    assert with_prior.model_version != without.model_version and with_prior.weights != without.weights
    # A restart under another prior does not go on from a model that knew none.
    trainer = Trainer(relevance.Prior("flood", "m", weights))
    trainer.remember([without])
    for offset, event in enumerate(events([(n % 6, "ada", ("positive", "negative")[n % 2], False) for n in range(6)])):
        trainer.take(event, (0, offset))
    assert trainer.model(("posts", "flood"), NOW).weights == with_prior.weights


def test_kappa_is_that_of_the_textbook() -> None:
    # Cohen's example in Landis and Koch's form: 20 both yes, 15 both no, 5 and 10 apart.
    pairs = [(1, 1)] * 20 + [(-1, -1)] * 15 + [(1, -1)] * 5 + [(-1, 1)] * 10
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([(1, 1)] * 3) is None
