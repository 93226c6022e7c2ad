"""What a post's relevance to events says of its places."""

from __future__ import annotations

from stormpetrel.core.events import EnrichedPost, EventRelevance
from stormpetrel.posts.event_kinds import is_about_event
from stormpetrel.posts.places.geoparser.place_role import with_roles


def with_event_relevance(post: EnrichedPost, relevance: tuple[EventRelevance, ...]) -> EnrichedPost:
    """The post with its `event_relevance`. Where it is about an event, its places are read so: "water in the houses of
    Varazze" names no hazard, and is a report from there.
    """
    if not is_about_event(relevance):
        return post.model_copy(update={"event_relevance": relevance})
    places = with_roles(post.post.text, post.places, post.language, is_about_event=True)
    return post.model_copy(update={"event_relevance": relevance, "places": tuple(places)})
