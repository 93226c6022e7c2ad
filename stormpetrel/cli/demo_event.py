"""The demo's story of a real event: what is asked of its posts, and what judges the answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

from stormpetrel.bootstrap import label_catalogue
from stormpetrel.demo.story import QUESTIONS, Story, questions_of, write_streams
from stormpetrel.evaluation.event_to_play import EventToPlay, period, read_event

FLOOD = "flood"  # no model has learned it before, as `related` has from CrisisLexT26
RELATED = "related"
LEARNED_BEFORE = (
    "What ships (the prior of relevance, learned weights of fusion) was learned from CrisisLexT26 and IDRISI: on posts "
    "of these, the searches' figures prove nothing new"
)
WITHOUT_PRIOR = "the analyst's label begins without a prior"
WITH_PRIOR = "nor do the analyst's, whose label begins with that prior"


def event_story(data: Path, name: str | None, folder: Path) -> Story:
    """The story of the event `name` at `data`, by default of its largest flood; writes its streams. Raises SetupError
    where there is none."""
    event = read_event(data, name)
    first, last = period(event)
    slug = re.sub(r"[^a-z0-9]+", "-", event.name.lower()).strip("-") or "posts"
    stream = [json.dumps(record, ensure_ascii=False) for record in event.records]
    earlier, later = write_streams(folder, slug, stream)
    window = {"since": first.isoformat(), "until": last.isoformat()}
    asks_of_flood = event.is_flood or not event.truth
    questions = questions_of(event.languages, event.name, asks_of_flood, window)
    spoken = next((code for code in event.languages if code in QUESTIONS), "en")
    label, meaning = _label(event)
    return Story(
        opening=_opening(event),
        earlier=earlier,
        later=later,
        since=window["since"],
        until=window["until"],
        questions=questions,
        saved={"text": QUESTIONS[spoken][1] if asks_of_flood else questions[0].request["text"]},
        collection=f"posts/{slug[:60]}",
        truth=event.truth,
        held_out=event.held_out(),
        label=label,
        meaning=meaning,
        figures_of="held-out posts",
        is_judged_by_search=event.class_name is None,
    )


def _label(event: EventToPlay) -> tuple[str, str]:
    """The catalogue's label that the set's labels stand for, and what posts with it do, in words."""
    if event.class_name is None:
        return FLOOD if event.is_flood else RELATED, "belong to the event"
    label = label_catalogue().named(event.class_name, "posts")[0]
    return label.id, f"are of the class {label.title!r}"


def _opening(event: EventToPlay) -> str:
    first, last = period(event)
    judged = (
        f"people labelled {len(event.truth)} of them, and half of these are held out: figures are of that half. "
        f"{LEARNED_BEFORE}; {WITH_PRIOR if _label(event)[0] == RELATED else WITHOUT_PRIOR}"
        if event.truth
        else "nobody labelled them, so there is no analyst and no figure"
    )
    beyond = f" (the {event.left_out} after these are left out)" if event.left_out else ""
    return (
        f"real posts: {event.name}, {len(event.posts)} posts{beyond} from {first:%Y-%m-%d %H:%M} to "
        f"{last:%Y-%m-%d %H:%M} UTC; {judged}"
    )
