"""What the demo plays and asks: the generated night or a real event, both told the same way.

Nothing is tuned on what judges it. The analyst of the demo labels posts that are not held out, and each figure is of
held-out posts alone: of the night those of other phrases, of a real event one half of its texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stormpetrel.demo.night import START, flood_night, lines, write_truth

QUESTIONS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("questions.yaml").read_text(encoding="utf-8"))
MADE_UP = "the night is made up by the project: its posts come from phrases that the project wrote"
LATER_SHARE = 0.1  # of the posts, the newest: they come when the saved search is already there
PEAK = "2025-11-04T20:00:00Z"
LIGURIA = "IT.08"
GENOA = {"longitude": 8.934, "latitude": 44.407, "radius_km": 40}
JUDGED_HITS = 10


@dataclass(frozen=True)
class Question:
    """A search request of the demo, its title, and whether its whole answer is shown or its figure alone."""

    title: str
    request: Mapping[str, Any]
    is_shown: bool = True


@dataclass(frozen=True)
class Story:
    """`opening` says what is played. `earlier` and `later` are its streams: JSON lines, before and after the saved
    search. `truth` says of posts whether they bear the `label`; `meaning` is that in words, and `figures_of` names the
    held-out posts, beside each figure. `alerted` is where somebody is told of incidents, as matchers of a rule say it.
    Without truth there is no analyst and no figure."""

    opening: str
    earlier: Path
    later: Path
    since: str
    until: str
    questions: tuple[Question, ...]
    saved: Mapping[str, Any]
    collection: str
    truth: Mapping[str, bool]
    held_out: frozenset[str]
    label: str
    meaning: str
    figures_of: str
    is_judged_by_search: bool = True
    alerted: Mapping[str, Any] = field(default_factory=lambda: {"everywhere": True})
    is_generated: bool = False

    @property
    def may_be_labelled(self) -> dict[str, bool]:
        """The truth of the posts that the analyst may label."""
        return {post_id: bears for post_id, bears in self.truth.items() if post_id not in self.held_out}

    @cached_property
    def judges(self) -> dict[str, bool]:
        """The truth of the posts that figures are of."""
        return {post_id: bears for post_id, bears in self.truth.items() if post_id in self.held_out}

    @property
    def base_rate(self) -> float:
        """The share of the held-out posts that bear the label: what a search that knows nothing would find."""
        return sum(self.judges.values()) / max(1, len(self.judges))

    def figure(self, post_ids: Sequence[str]) -> str | None:
        """How many of the first ten held-out posts of an answer bear the label, in words; None where none is there."""
        judged = [self.judges[post_id] for post_id in post_ids if post_id in self.judges][:JUDGED_HITS]
        if not judged or not self.is_judged_by_search:
            return None
        return (
            f"of the first {len(judged)} {self.figures_of} {sum(judged)} {self.meaning} "
            f"(of all of them {self.base_rate:.0%} do)"
        )


def write_streams(folder: Path, name: str, stream: Sequence[str]) -> tuple[Path, Path]:
    """The JSON lines in two files, the newest tenth in the second; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = len(stream) - max(1, round(LATER_SHARE * len(stream)))
    paths = folder / f"{name}.jsonl", folder / f"{name}-later.jsonl"
    for path, part in zip(paths, (stream[:cut], stream[cut:]), strict=True):
        path.write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
    return paths


def generated_story(folder: Path, size: int) -> Story:
    """The generated night of `size` posts; writes its streams and its truth."""
    night = flood_night(size)
    earlier, later = write_streams(folder, "night", list(lines(night)))
    write_truth(folder, night)
    there_and_then = {"place": GENOA, "time": PEAK}
    asked = [Question("people trapped by flood water", {"text": "people trapped by flood water, streets under water"})]
    for number, text in enumerate(QUESTIONS[code][0] for code in ("it", "en", "es", "fr", "de")):
        title = f"{text}, 40 km around Genoa, at 20:00"
        asked.append(Question(title, {"text": text, **there_and_then}, is_shown=number == 0))
    return Story(
        opening=f"{MADE_UP}. Figures are of posts whose phrases nothing has learned from",
        earlier=earlier,
        later=later,
        since=f"{START:%Y-%m-%d}T00:00:00Z",
        until=night[-1].created_at.isoformat(),
        questions=tuple(asked),
        saved={"text": QUESTIONS["en"][0], "place": GENOA},
        collection="posts/demo",
        truth={post.post_id: post.flood for post in night},
        held_out=frozenset(post.post_id for post in night if post.held_out),
        label="flood",
        meaning="belong to the flood",
        figures_of="held-out posts of the made-up night",
        alerted={"admin_codes": [LIGURIA]},
        is_generated=True,
    )


def questions_of(
    languages: Sequence[str], name: str, is_flood: bool, filters: Mapping[str, Any]
) -> tuple[Question, ...]:
    """A question in each of the languages that the demo speaks (English, where it speaks none); of an event that is no
    flood, the words of its name."""
    if not is_flood:
        words = " ".join(re.findall(r"[^\W\d_]+", name.replace("_", " ")))
        return (Question(words, {"text": words, "filters": filters}),)
    spoken = [code for code in languages if code in QUESTIONS] or ["en"]
    return tuple(Question(QUESTIONS[code][0], {"text": QUESTIONS[code][0], "filters": filters}) for code in spoken)
