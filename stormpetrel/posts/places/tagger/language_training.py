"""Trains the tagger of all languages but English: on posts made from templates (`config/place_templates/`), and on the
labelled posts of people that are at hand, which are Arabic."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.gazetteer_features import OUTSIDE
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost
from stormpetrel.posts.places.tagger.language_features import ORDINARY, LanguageFeatures
from stormpetrel.posts.places.tagger.local_names import local_names
from stormpetrel.posts.places.tagger.post_words import after_clitic
from stormpetrel.posts.places.tagger.sentence_templates import languages_with_templates, read_templates
from stormpetrel.posts.places.tagger.template_posts import TemplatePosts
from stormpetrel.posts.places.tagger.training import INITIAL_EXAMPLES, LABEL, Say, train_component

CONFIG_FILE = CONFIG_DIRECTORY / "places_tagger_languages.cfg"
UNKNOWN_SHARE = 0.3  # of the ordinary words: not told as such, since most words of a language are in no table
UNSURE_SHARE = 0.1  # of the posts: their language is not told, as of a post whose language is unsure


def train_language_tagger(
    posts: Sequence[LabelledPost], gazetteer: Gazetteer, say: Say, config_file: Path = CONFIG_FILE
) -> Any:
    """A trained pipeline, which reads documents of `LanguageFeatures`. `posts` are labelled posts in languages but
    English; those of templates are added. The same posts, gazetteer and config give the same one."""
    from spacy.util import load_config, load_model_from_config
    from thinc.api import fix_random_seed

    config = load_config(config_file, interpolate=True)
    training: dict[str, Any] = config.pop("training")
    fix_random_seed(training["seed"])
    pipeline: Any = load_model_from_config(config, auto_fill=True)
    chance = random.Random(training["seed"])
    made = list(_made_posts(gazetteer, training["posts_of_templates"], training["seed"]))
    replaced = list(_with_other_names(posts, gazetteer, training["replaced_share"], chance))
    features = LanguageFeatures(gazetteer)
    examples = [_example(pipeline.vocab, features, post, 0.0, chance) for post in (*posts, *replaced)]
    examples += [_example(pipeline.vocab, features, post, training["hidden_share"], chance) for post in made]
    chance.shuffle(examples)
    pipeline.initialize(lambda: examples[:INITIAL_EXAMPLES])
    train_component(pipeline.get_pipe("ner"), examples, training, say)
    return pipeline


def _made_posts(gazetteer: Gazetteer, count: int, seed: int) -> Iterator[LabelledPost]:
    for language in languages_with_templates():
        yield from TemplatePosts(read_templates(language), gazetteer, seed).make(count)


def _with_other_names(
    posts: Sequence[LabelledPost], gazetteer: Gazetteer, share: float, chance: random.Random
) -> Iterator[LabelledPost]:
    """The posts that name places, each with a share of its names of one word replaced by other names of the language
    (mention replacement: Dai and Adel 2020)."""
    named = {language: local_names(gazetteer, language) for language in {post.language for post in posts}}
    names = {language: (others, list(accumulate(weights))) for language, (others, weights) in named.items()}
    for post in posts:
        if not post.mentions or not names[post.language][0]:
            continue
        others, weights = names[post.language]
        text, mentions, end = "", [], 0
        for mention in post.mentions:
            text += post.text[end : mention.start]
            name = post.text[mention.start : mention.end]
            if name.isalpha() and chance.random() < share:
                name = chance.choices(others, cum_weights=weights)[0]
            mentions.append(GoldMention(len(text), len(text) + len(name)))
            text, end = text + name, mention.end
        yield replace(post, text=text + post.text[end:], mentions=tuple(mentions))


def _example(
    vocab: Any, features: LanguageFeatures, post: LabelledPost, hidden_share: float, chance: random.Random
) -> Any:
    from spacy.tokens import Doc, Span
    from spacy.training import Example

    language = "" if chance.random() < UNSURE_SHARE else post.language
    document = features.document(vocab, post.text, language)
    for token in document:
        if token.lemma_.endswith(ORDINARY) and chance.random() < UNKNOWN_SHARE:
            token.lemma_ = language
    words, spans = [token.text for token in document], document.user_data["spans"]
    gold: Any = Doc(vocab, words=words, spaces=[bool(token.whitespace_) for token in document])
    entities: list[Any] = []
    for mention in post.mentions:
        inside = [row for row, (start, end) in enumerate(spans) if start < mention.end and end > mention.start]
        if not inside:
            continue
        # Some sets mark the clitic of a name as a part of it, others do not. Here it is none.
        inside = inside[after_clitic(words, spans, inside[0], inside[-1] + 1) - inside[0] :]
        if entities and inside[0] < entities[-1].end:
            continue
        entities.append(Span(gold, inside[0], inside[-1] + 1, label=LABEL))
        if chance.random() < hidden_share:
            for row in inside:
                document[row].tag_ = OUTSIDE
    gold.ents = entities
    return Example(document, gold)
