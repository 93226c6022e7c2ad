"""`eval photos`: the rows of the paper's Table 4 that need pixels, on posts whose photos people labelled.

The protocol is that of `retrieval`: a post is the query; relevant are the other posts of its event whose photo has the
class of its own. Besides the lists of posts there are `visual`, the cosine of the photos' vectors, and `concepts`, the
cosine of their concept scores. Every fusion is scored on all lists, on those of the photos alone (`_photos`), and on
those of the posts alone (`_posts`), so that the last shows what photos add.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.crisismmd import PhotoPost, PhotoSet, read_photo
from stormpetrel.evaluation.measures import average_precision, paired_p
from stormpetrel.evaluation.modalities import Collection, top
from stormpetrel.evaluation.retrieval import MethodTally, build_report
from stormpetrel.evaluation.test_collections import collection_of
from stormpetrel.fusion import METHODS, RankList
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.vision.concepts import terms_of
from stormpetrel.posts.vision.model import DescriptorModel, VisualFeatures, VisualModel
from stormpetrel.search.search import PostSearch

POST_MODALITIES = ("text", "lexical", "space", "time")  # as in the paper: place and time are two lists
PHOTO_MODALITIES = ("visual", "concepts")
LISTS = {"": (*POST_MODALITIES, *PHOTO_MODALITIES), "_photos": PHOTO_MODALITIES, "_posts": POST_MODALITIES}
FUSED = "tensor_min"
DEPTH = 200  # of each list
FLOOD = "flood"  # in the name of an event
UNSURE = "hurricane"  # in the name of an event: some of its photos show floods, and no label says which
TOLD_EACH = 500  # photos


class PhotoLists:
    """The lists of photos, computed exactly: from unit vectors (photos, dimensions) and scores of concepts."""

    def __init__(self, features: Sequence[VisualFeatures], depth: int) -> None:
        self._depth = depth
        self._vectors = np.array([each.vector for each in features], dtype=np.float32)
        self._concepts = _concept_matrix(features)

    def lists(self, row: int) -> list[RankList]:
        """`visual` and `concepts` for the photo in this row; photos that share no concept with it are no hits."""
        visual = (self._vectors @ self._vectors[row]).astype(np.float64)
        concepts = self._concepts @ self._concepts[row]
        concepts = np.where(concepts > 0, concepts, -np.inf)
        return [top("visual", visual, row, self._depth), top("concepts", concepts, row, self._depth)]


def evaluate_photos(
    photo_set: PhotoSet,
    most_queries: int,
    models: tuple[Encoder, VisualModel],
    places: Geoparser,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The report of a set: counts of photos, every list and fusion, what photos add, and the relevance of photos.

    Raises SetupError where no photo can be read, or no class has enough photos to ask for.
    """
    encoder, visual_model = models
    described = _described(photo_set, visual_model, say)
    posts = tuple(post.post for post, _ in described)
    tests = collection_of("photos", posts, most_queries)
    if tests is None:
        raise SetupError(
            f"no class of an event has more than five of the {len(posts):,} photos that can be read: bring more of "
            "data_image/"
        )
    say(f"{len(posts)} posts with photos, {len(tests.queries)} queries")
    collection = Collection(posts, encoder, places)
    search = PostSearch(collection, "")
    photo_lists = PhotoLists([features for _, features in described], DEPTH)
    tallies = defaultdict[str, MethodTally](MethodTally)
    for row in tests.queries:
        started = time.perf_counter()
        query = replace(collection.example(row, DEPTH), only=frozenset(POST_MODALITIES))
        lists = [*search.lists(query), *photo_lists.lists(row)]
        _score(tallies, lists, frozenset(map(collection.name, tests.relevant(row))), started)
    return {
        "photos": {**photo_set.counts, "used": len(posts)},
        "missing_by_event": dict(photo_set.missing_by_event),
        "visual_model": visual_model.version,
        "understands_photos": not isinstance(visual_model, DescriptorModel),
        **build_report(len(tests.queries), tallies, LISTS[""], FUSED),
        "p_of_photos": round(paired_p(tallies[FUSED].ap, tallies[f"{FUSED}_posts"].ap), 5),
        "relevance": relevance_report(described),
    }


def relevance_report(described: Sequence[tuple[PhotoPost, VisualFeatures]]) -> dict[str, Any] | None:
    """How well the relevance of photos finds those of floods: average precision over all of them, beside their share.

    True are informative photos of an event that has "flood" in its name. Photos of hurricanes have no such truth and
    are left out. None where the model gives no relevance, or one side has no photo.
    """
    judged = [
        (float(features.relevance), post.informative and FLOOD in post.post.event)
        for post, features in described
        if features.relevance is not None and (FLOOD in post.post.event or UNSURE not in post.post.event)
    ]
    truth = [is_flood for _, is_flood in sorted(judged, key=lambda pair: (-pair[0], pair[1]))]
    if not any(truth) or all(truth):
        return None
    ap = average_precision(truth, sum(truth), len(truth))
    return {"ap": round(ap, 4), "share": round(sum(truth) / len(truth), 4), "photos": len(truth)}


def _described(
    photo_set: PhotoSet, model: VisualModel, say: Callable[[str], None]
) -> list[tuple[PhotoPost, VisualFeatures]]:
    """The posts whose photo can be read, with its features; one photo at a time is in memory."""
    described = []
    for number, post in enumerate(photo_set.posts, start=1):
        picture = read_photo(post)
        if picture is None:
            photo_set.counts["unreadable"] += 1
        else:
            described.append((post, model.extract([picture])[0]))
        if number % TOLD_EACH == 0:
            say(f"{number} of {len(photo_set.posts)} photos described")
    missing, unreadable = photo_set.counts["missing"], photo_set.counts["unreadable"]
    say(f"{photo_set.counts['photos']} photos are annotated: {missing} are missing, {unreadable} cannot be read")
    if not described:
        raise SetupError(f"none of the {unreadable} photos can be read: unpack data_image/ again")
    return described


def _score(
    tallies: defaultdict[str, MethodTally], lists: Sequence[RankList], relevant: frozenset[str], started: float
) -> None:
    """Counts one query: every list, and every fusion of every choice of lists."""
    list_ms = 1000 * (time.perf_counter() - started)
    items = {ranked.modality: ranked.items for ranked in lists}
    for modality in LISTS[""]:
        tallies[modality].add(items.get(modality, ()), relevant, list_ms)
    for name, fusion in METHODS.items():
        for suffix, modalities in LISTS.items():
            began = time.perf_counter()
            ids = [item.id for item in fusion([ranked for ranked in lists if ranked.modality in modalities], None)]
            tallies[name + suffix].add(ids, relevant, list_ms + 1000 * (time.perf_counter() - began))


def _concept_matrix(features: Sequence[VisualFeatures]) -> NDArray[np.float64]:
    """The concepts' sparse unit vectors as they are indexed, one row a photo, one column a concept that any has."""
    terms = [terms_of(each.concepts) for each in features]
    columns = {index: n for n, index in enumerate(sorted({i for each in terms if each for i in each.indices}))}
    matrix = np.zeros((len(features), max(1, len(columns))))
    for row, each in enumerate(terms):
        if each:
            matrix[row, [columns[index] for index in each.indices]] = each.values
    return matrix
