"""Learns the weights of the evidence for the places of a name: those that serve, and those by which a whole event, or
all posts that name a country, can be judged, because they did not learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.place_points import is_right, resolved
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.evidence import BY_CONTEXT, FEATURES, NAMES, Context, Piece
from stormpetrel.posts.places.geoparser.resolver_model import START, ResolverModel, Weights
from stormpetrel.posts.places.geoparser.toponym_resolver import Options, ToponymResolver
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost
from stormpetrel.posts.places.tagger.recogniser import Mention

FOLDS = 4
RIDGE = 1.0  # of the sum of squared weights, beside the log-likelihood of some thousand names
COLUMN = {feature: column for column, feature in enumerate(FEATURES)}
ALONE = [feature not in NAMES + BY_CONTEXT for feature in FEATURES]
Floats = NDArray[np.float64]
Say = Callable[[str], None]


def train_resolver(posts: Sequence[LabelledPost], gazetteer: Gazetteer, say: Say) -> ResolverModel:
    """The model that is learned from all posts with linked names, and for each of four parts of them the weights that
    are learned without it. An event is in one part; so are all posts whose rarest country is the same, where a set has
    no events."""
    parts = part_of_posts(posts)
    if len({group for _, group in parts}) < FOLDS:
        raise SetupError(f"to hold whole events out, give labelled posts of {FOLDS} events or more")
    without = []
    for part in range(FOLDS):
        groups = sorted({group for each, group in parts if each == part})
        say(f"part {part + 1} of {FOLDS}: without {', '.join(groups)}")
        without.append(learn(_rest(posts, parts, part), gazetteer))
    part_of = {post.text_hash: part for post, (part, _) in zip(posts, parts, strict=True)}
    return ResolverModel(learn(posts, gazetteer), without, part_of)


def learn(posts: Sequence[LabelledPost], gazetteer: Gazetteer) -> Weights:
    """The weights learned from posts: first by the evidence as the most populous places give it, then by the evidence
    as the weights themselves give it."""
    weights = START
    for _ in range(2):
        weights = _fitted(_examples(posts, gazetteer, weights))
    return weights


def part_of_posts(posts: Sequence[LabelledPost]) -> list[tuple[int, str]]:
    """(part, group) of each post: the groups, which are events or countries, are dealt to the parts by size."""
    countries = Counter(mention.country for post in posts if not post.has_event for mention in post.linked)
    groups = [_group(post, countries) for post in posts]
    sizes = Counter(groups)
    ordered = sorted(sizes, key=lambda group: (-sizes[group], group))
    parts = {group: number % FOLDS for number, group in enumerate(ordered)}
    return [(parts[group], group) for group in groups]


def _group(post: LabelledPost, countries: Counter[str]) -> str:
    if post.has_event:
        return post.event
    named = {mention.country for mention in post.linked if mention.country}
    return min(named, key=lambda country: (countries[country], country), default="no country")


def _rest(posts: Sequence[LabelledPost], parts: Sequence[tuple[int, str]], part: int) -> list[LabelledPost]:
    """The posts of the other parts, without those that name a country of this part."""
    held_out = {group for each, group in parts if each == part}
    return [
        post
        for post, (each, _) in zip(posts, parts, strict=True)
        if each != part and (post.has_event or held_out.isdisjoint(mention.country for mention in post.linked))
    ]


class _Examples:
    """Rows of features, those of a name after another; which rows are right, and which are points by context."""

    def __init__(self) -> None:
        self.rows: list[Sequence[Piece]] = []
        self.right: list[bool] = []
        self.by_context: list[bool] = []
        self.starts: list[int] = []
        self.groups: list[str] = []

    def add(self, options: Options, gold: GoldMention, group: str) -> None:
        """Adds a labelled name."""
        self.starts.append(len(self.rows))
        self.groups.append(group)
        right = is_right(gold, options.places)
        self.rows += [*options.pieces, options.lacking]
        self.right += [*right, not any(right)]
        self.by_context += [row >= options.named for row in range(len(options.places))] + [False]

    def matrix(self) -> Floats:
        matrix = np.zeros((len(self.rows), len(FEATURES)))
        for row, pieces in enumerate(self.rows):
            for feature, value, _ in pieces:
                matrix[row, COLUMN[feature]] = value
        return matrix


def _examples(posts: Sequence[LabelledPost], gazetteer: Gazetteer, weights: Weights) -> _Examples:
    examples, resolver = _Examples(), ToponymResolver(gazetteer, weights)
    countries = Counter(mention.country for post in posts if not post.has_event for mention in post.linked)

    def seen(post: LabelledPost, mentions: list[Mention], context: Context) -> None:
        options = resolver.options(mentions, context)
        for gold, mention in zip(post.linked, mentions, strict=True):
            if (each := options[mention.name]) is not None:
                examples.add(each, gold, _group(post, countries))

    for _ in resolved(posts, gazetteer, lambda _: weights, seen):
        pass
    return examples


def _fitted(examples: _Examples) -> Weights:
    matrix, right = examples.matrix(), np.array(examples.right)
    sizes = Counter(examples.groups)
    # An event of many posts repeats itself: it counts by the root of their number.
    importance = np.array([sizes[group] ** -0.5 for group in examples.groups])
    importance /= importance.mean()
    starts = np.array(examples.starts)
    together = _logit(matrix, right, starts, importance)
    names = np.repeat(np.arange(len(starts)), np.diff([*starts, len(right)]))
    kept = ~np.array(examples.by_context)
    named_right = right & kept
    last = np.r_[starts[1:], len(right)] - 1
    named_right[last] = False
    has_right = np.zeros(len(starts), dtype=bool)
    np.logical_or.at(has_right, names, named_right)
    named_right[last] = ~has_right
    kept_starts = np.searchsorted(names[kept], np.arange(len(starts)))
    alone = _logit(matrix[kept] * np.array(ALONE), named_right[kept], kept_starts, importance)
    together_weights = _by_feature(together)
    # No labelled set says where its authors are: their place weighs like another name of the post.
    author = {
        feature: together_weights.get(other, 0.0)
        for feature, other in (("author_country", "same_country"), ("author_region", "same_region"))
    }
    return Weights(_by_feature(alone) | author, together_weights | author)


def _logit(matrix: Floats, right: NDArray[np.bool_], starts: NDArray[np.int64], importance: Floats) -> Floats:
    """The weights that make the right options likeliest: of each name the options from its start on to the next."""
    lengths = np.diff([*starts, len(right)])
    weight = np.repeat(importance, lengths)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = matrix @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), lengths)
        odds = np.exp(np.maximum(scores, -60))
        all_odds, right_odds = np.add.reduceat(odds, starts), np.add.reduceat(odds * right, starts)
        value = -(importance * np.log(right_odds / all_odds)).sum() + RIDGE * (weights @ weights) / 2
        slope = weight * (odds / np.repeat(all_odds, lengths) - odds * right / np.repeat(right_odds, lengths))
        return float(value), matrix.T @ slope + RIDGE * weights

    result = minimize(loss, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(result.x, dtype=np.float64)


def _by_feature(weights: Floats) -> dict[str, float]:
    return {feature: float(weight) for feature, weight in zip(FEATURES, weights, strict=True) if abs(weight) > 1e-4}
