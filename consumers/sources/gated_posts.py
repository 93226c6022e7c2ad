"""The gate at the source: posts whose words surely are about no crisis are dropped, counted, and sampled into
`posts.dropped`."""

from __future__ import annotations

from stormpetrel.bootstrap import open_word_reader
from stormpetrel.core.clock import now
from stormpetrel.core.events import Post, PostDropped
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_DROPPED
from stormpetrel.posts.gate.model import GATE_FILE, GateModel
from stormpetrel.posts.gate.sampling import is_sampled
from stormpetrel.posts.gate.words import WordGate
from stormpetrel.process.metrics import POSTS_DROPPED as DROPPED_COUNTED


def open_words(settings: Settings) -> WordGate:
    """What was learned of the words of the lexicon's languages, and a team's own. Raises ModelUnavailable."""
    reader = open_word_reader(settings)
    learned = GateModel.load(GATE_FILE, reader.names).words
    return WordGate(reader, learned, settings.sources.gate.unread_languages)


class Gate:
    """The gate by words for one network's posts, and what becomes of those that it drops."""

    def __init__(self, words: WordGate, producer: EventProducer, sampled_share: float) -> None:
        self._words, self._producer, self._sampled_share = words, producer, sampled_share

    def lets_through(self, post: Post) -> bool:
        """Whether the post may be about a crisis; where not, it is counted, and one of the sample published."""
        if self._words.lets_through(_readable(post), post.declared_language):
            return True
        DROPPED_COUNTED.labels(post.source, "no_word").inc()
        if is_sampled(post.post_id, self._sampled_share):
            event = PostDropped(post_id=post.post_id, post=post, reason="no_word", dropped_at=now())
            self._producer.publish(POSTS_DROPPED, post.post_id, event)
        return False


def _readable(post: Post) -> str:
    """The text, and what its pictures are said to show."""
    described = [media.alt_text for media in post.media if media.alt_text]
    return "\n".join([post.text, *described]) if described else post.text
