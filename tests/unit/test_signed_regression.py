"""The regression of known signs: it keeps them, and is the plain one where they hold by themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from stormpetrel.evaluation.signed_regression import fit_signed


def generated(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four features, of which the first two tell the truth in opposite directions."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 4))
    truth = rows[:, 0] - rows[:, 1] + random.normal(size=count) > 0
    truth[:2] = (True, False)
    return rows, truth


@given(seed=st.integers(0, 1000), signs=st.lists(st.sampled_from((-1.0, 1.0)), min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
def test_no_weight_is_against_its_sign(seed: int, signs: list[float]):
    weights, _ = fit_signed(*generated(seed), np.ones(60), 1.0, np.array(signs))
    assert (weights * signs >= 0).all()


def test_it_is_the_plain_regression_where_the_signs_hold():
    rows, truth = generated(3)
    shares = np.linspace(0.5, 1.5, len(rows))
    plain = LogisticRegression(C=0.7, tol=1e-8, max_iter=1000).fit(rows, truth, sample_weight=shares)
    signs = np.sign(plain.coef_[0])
    weights, intercept = fit_signed(rows, truth, shares, 0.7, signs)
    np.testing.assert_allclose(weights, plain.coef_[0], atol=1e-3)
    np.testing.assert_allclose(intercept, plain.intercept_[0], atol=1e-3)


def test_more_examples_of_one_side_move_the_intercept():
    rows, truth = generated(5)
    _, even = fit_signed(rows, truth, np.ones(60), 1.0, np.ones(4))
    _, more_true = fit_signed(rows, truth, np.where(truth, 3.0, 1.0), 1.0, np.ones(4))
    assert more_true > even
