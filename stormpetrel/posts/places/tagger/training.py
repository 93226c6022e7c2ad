"""Trains the tagger of place names from its spaCy config."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.gazetteer_features import COMPONENT
from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost
from stormpetrel.posts.places.tagger.mention_replacement import replace_mentions

CONFIG_FILE = CONFIG_DIRECTORY / "places_tagger.cfg"
LABEL = "LOC"
# Infixes beside spaCy's own: posts run words together with these.
INFIXES = (r"/", r"#", r"@", r"_", r"\.(?=[A-Za-z])", r",", r"\|", r"…")
INITIAL_EXAMPLES = 500
MIN_RATE = 0.05  # of the learning rate, at the end

Say = Callable[[str], None]


def train_tagger(
    posts: Sequence[LabelledPost], gazetteer: Gazetteer, say: Say, config_file: Path = CONFIG_FILE, bare: bool = False
) -> Any:
    """A trained pipeline. The same posts, gazetteer and config give the same one. A `bare` one is trained on the posts
    alone, without gazetteer features and mention replacement: the baseline."""
    from spacy.util import compile_infix_regex, load_config, load_model_from_config
    from thinc.api import fix_random_seed

    config = load_config(config_file, interpolate=True)
    training: dict[str, Any] = config.pop("training")
    fix_random_seed(training["seed"])
    pipeline: Any = load_model_from_config(config, auto_fill=True)
    pipeline.tokenizer.infix_finditer = compile_infix_regex([*pipeline.Defaults.infixes, *INFIXES]).finditer
    features: Any = pipeline.get_pipe(COMPONENT)
    features.gazetteer = gazetteer
    replaced = [] if bare else replace_mentions(posts, gazetteer, training["replaced_share"], training["seed"])
    examples = [_example(pipeline, None if bare else features, post) for post in (*posts, *replaced)]
    pipeline.initialize(lambda: examples[:INITIAL_EXAMPLES])
    if bare:
        pipeline.remove_pipe(COMPONENT)
    train_component(pipeline.get_pipe("ner"), examples, training, say)
    return pipeline


def _example(pipeline: Any, features: Any, post: LabelledPost) -> Any:
    from spacy.training import Example
    from spacy.util import filter_spans

    gold = pipeline.make_doc(post.text)
    ends = [(mention.start, mention.end) for mention in post.mentions]
    spans = [gold.char_span(*span, label=LABEL, alignment_mode="expand") for span in ends]
    gold.ents = filter_spans([span for span in spans if span is not None])
    predicted = pipeline.make_doc(post.text)
    return Example(predicted if features is None else features(predicted), gold)


def train_component(tagger: Any, examples: list[Any], training: dict[str, Any], say: Say) -> None:
    """Epochs over all examples in growing batches; the learning rate falls linearly."""
    import spacy.util

    generator = random.Random(training["seed"])
    optimizer = spacy.util.registry.resolve({"optimizer": training["optimizer"]})["optimizer"]
    batch, epochs = training["batch"], training["max_epochs"]
    sizes = spacy.util.compounding(batch["start"], batch["stop"], batch["compound"])  # type: ignore[attr-defined]
    steps = epochs * len(examples) / (0.7 * batch["stop"])  # batches have 0.7 of their largest size on average
    step, rate = 0, optimizer.learn_rate
    for epoch in range(epochs):
        generator.shuffle(examples)
        losses: dict[str, float] = {}
        for minibatch in spacy.util.minibatch(examples, size=sizes):  # type: ignore[no-untyped-call]
            optimizer.learn_rate = rate * max(MIN_RATE, 1 - step / steps)
            tagger.update(minibatch, drop=training["dropout"], sgd=optimizer, losses=losses)
            step += 1
        say(f"epoch {epoch + 1} of {epochs}: loss {losses['ner']:.0f} over {len(examples)} posts")
