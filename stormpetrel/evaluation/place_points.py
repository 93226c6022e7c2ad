"""The points that labelled place names are resolved to, and whether they are right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from stormpetrel.core.cells import distance_km
from stormpetrel.evaluation.place_scores import NEAR_KM, PointTally
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer
from stormpetrel.posts.places.geoparser.evidence import Context
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces, recent_place
from stormpetrel.posts.places.geoparser.resolver_model import ResolverModel, Weights
from stormpetrel.posts.places.geoparser.toponym_resolver import Resolution, ToponymResolver
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost
from stormpetrel.posts.places.tagger.recogniser import Mention

SURE = 0.6  # confidence from which a resolved place is context for the next posts
Posts = Sequence[LabelledPost]
Seen = Callable[[LabelledPost, list[Mention], Context], None]


def point_report(posts: Posts, gazetteer: Gazetteer, model: ResolverModel) -> dict[str, Any]:
    """Scores of the points that labelled names are resolved to, the posts of an event in the order of time; beside them
    those of the most populous place of each name. Each post gets the weights that did not learn from its event."""
    weights_for = _unlearned_weights(model)
    total, populous = PointTally(), PointTally()
    by_event: dict[str, PointTally] = {}
    by_language: dict[str, PointTally] = {}
    for post, gold, resolution in resolved(posts, gazetteer, weights_for):
        ranked = [candidate for candidate, _ in resolution.ranked]
        confidence = resolution.ranked[0][1] if resolution.ranked else 0.0
        tallies = (by_event.setdefault(post.event, PointTally()), by_language.setdefault(post.language, PointTally()))
        for each in (total, *tallies):
            _add(each, gold, ranked, resolution.chosen, confidence)
        largest = gazetteer.candidates(resolution.mention.name, 1)
        _add(populous, gold, largest, largest[0] if largest else None, 1.0)
    return {
        **total.report(),
        "held_out_by_training": round(sum(post.text_hash in model.parts for post in posts) / max(1, len(posts)), 4),
        "by_language": {language: tally.shares_right() for language, tally in sorted(by_language.items())},
        "most_populous": populous.report(),
        "by_event": {event: tally.report() for event, tally in sorted(by_event.items())},
    }


def _unlearned_weights(model: ResolverModel) -> Callable[[LabelledPost], Weights]:
    return lambda post: model.weights_for(post.text_hash)


def resolved(
    posts: Posts, gazetteer: Gazetteer, weights_for: Callable[[LabelledPost], Weights], seen: Seen | None = None
) -> Iterator[tuple[LabelledPost, GoldMention, Resolution]]:
    """Each linked name with its resolution. The posts of a set come in the order of time, and those before speak for
    those after. `seen` is called with each post, its mentions and their context first."""
    resolvers: dict[int, ToponymResolver] = {}
    for event_posts in _by_event(posts).values():
        recents: dict[int, RecentPlaces] = {}
        for post in sorted(event_posts, key=lambda post: post.created_at):
            weights = weights_for(post)
            resolver = resolvers.setdefault(id(weights), ToponymResolver(gazetteer, weights))
            recent = recents.setdefault(id(weights), RecentPlaces(timedelta(hours=24)))
            mentions = [Mention(post.text[gold.start : gold.end], gold.start, gold.end) for gold in post.linked]
            context = Context((), gazetteer.speakers(post.language), recent, post.language)
            if seen is not None:
                seen(post, mentions, context)
            for gold, result in zip(post.linked, resolver.resolve(mentions, context), strict=True):
                yield post, gold, result
                if result.chosen is not None and result.ranked[0][1] >= SURE and not result.by_context:
                    recent.note(datetime.fromisoformat(post.created_at), recent_place(result.chosen))


def is_right(gold: GoldMention, places: Sequence[Candidate]) -> list[bool]:
    """Whether each place is within 161 km of the labelled one, or inside its marked box."""
    if not places:
        return []
    assert gold.longitude is not None and gold.latitude is not None
    points = [place.longitude for place in places], [place.latitude for place in places]
    near = [float(km) <= NEAR_KM for km in distance_km(gold.longitude, gold.latitude, *points)]
    return [is_near or _is_in_box(gold, place) for is_near, place in zip(near, places, strict=True)]


def _is_in_box(gold: GoldMention, place: Candidate) -> bool:
    if gold.box is None:
        return False
    south, north, west, east = gold.box
    return south <= place.latitude <= north and west <= place.longitude <= east


def _add(
    tally: PointTally, gold: GoldMention, ranked: Sequence[Candidate], chosen: Candidate | None, confidence: float
) -> None:
    right = is_right(gold, ranked)
    tally.mentions += 1
    tally.right_ranks.append(next((rank for rank, is_hit in enumerate(right, start=1) if is_hit), 0))
    if chosen is None:
        return
    assert gold.longitude is not None and gold.latitude is not None
    distance = distance_km(gold.longitude, gold.latitude, [chosen.longitude], [chosen.latitude])[0]
    tally.kilometres.append(float(distance))
    tally.right.append(right[0])
    tally.confidences.append(confidence)
    if gold.box is not None:
        tally.in_box.append(_is_in_box(gold, chosen))


def _by_event(posts: Iterable[LabelledPost]) -> dict[str, list[LabelledPost]]:
    by_event: dict[str, list[LabelledPost]] = {}
    for post in posts:
        by_event.setdefault(post.event, []).append(post)
    return by_event
