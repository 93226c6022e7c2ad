"""Trains the tagger of place names from its spaCy config, and writes it with a card that says what it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.gazetteer_features import COMPONENT
from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost
from stormpetrel.posts.places.tagger.mention_replacement import swapped

CONFIG_FILE = CONFIG_DIRECTORY / "places_tagger.cfg"
LABEL = "LOC"
# Where tokens are cut beside spaCy's own rules: posts run words together with these.
CUTS = (r"/", r"#", r"@", r"_", r"\.(?=[A-Za-z])", r",", r"\|", r"…")
EXAMPLES_TO_START = 500
SLOWEST = 0.05  # of the learning rate, at the end

Say = Callable[[str], None]


def train_tagger(
    posts: Sequence[LabelledPost], gazetteer: Gazetteer, say: Say, config_file: Path = CONFIG_FILE, bare: bool = False
) -> Any:
    """A trained pipeline. The same posts, gazetteer and config give the same one. A `bare` one learns from the posts
    alone: no gazetteer, no swapped names; it is the baseline."""
    from spacy.util import load_config, load_model_from_config
    from thinc.api import fix_random_seed

    config = load_config(config_file, interpolate=True)
    told: dict[str, Any] = config.pop("training")
    fix_random_seed(told["seed"])
    pipeline: Any = load_model_from_config(config, auto_fill=True)
    _cut_more(pipeline)
    marks: Any = pipeline.get_pipe(COMPONENT)
    marks.gazetteer = gazetteer
    more = [] if bare else swapped(posts, gazetteer, told["swapped"], told["seed"])
    examples = [_example(pipeline, None if bare else marks, post) for post in (*posts, *more)]
    pipeline.initialize(lambda: examples[:EXAMPLES_TO_START])
    if bare:
        pipeline.remove_pipe(COMPONENT)
    _learn(pipeline.get_pipe("ner"), examples, told, say)
    return pipeline


def _example(pipeline: Any, marks: Any, post: LabelledPost) -> Any:
    from spacy.training import Example
    from spacy.util import filter_spans

    gold = pipeline.make_doc(post.text)
    spans = [gold.char_span(one.start, one.end, label=LABEL, alignment_mode="expand") for one in post.mentions]
    gold.ents = filter_spans([span for span in spans if span is not None])
    plain = pipeline.make_doc(post.text)
    return Example(plain if marks is None else marks(plain), gold)


def _learn(tagger: Any, examples: list[Any], told: dict[str, Any], say: Say) -> None:
    """Rounds over all examples in growing batches; the learning rate falls to nothing in a line."""
    import spacy.util

    chance = random.Random(told["seed"])
    optimizer = spacy.util.registry.resolve({"optimizer": told["optimizer"]})["optimizer"]
    sizes = spacy.util.compounding(told["batch"]["start"], told["batch"]["stop"], told["batch"]["compound"])  # type: ignore[attr-defined]
    steps = told["max_epochs"] * len(examples) / (0.7 * told["batch"]["stop"])
    done, rate = 0, optimizer.learn_rate
    for epoch in range(told["max_epochs"]):
        chance.shuffle(examples)
        losses: dict[str, float] = {}
        for batch in spacy.util.minibatch(examples, size=sizes):  # type: ignore[no-untyped-call]
            optimizer.learn_rate = rate * max(SLOWEST, 1 - done / steps)
            tagger.update(batch, drop=told["dropout"], sgd=optimizer, losses=losses)
            done += 1
        say(f"round {epoch + 1} of {told['max_epochs']}: loss {losses['ner']:.0f} over {len(examples)} posts")


def _cut_more(pipeline: Any) -> None:
    from spacy.util import compile_infix_regex

    infixes = [*pipeline.Defaults.infixes, *CUTS]
    pipeline.tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
