"""The labelled sets that alerts are learned from and judged by: events with their posts, and unrelated posts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.alert_streams import PlayedEvent, is_related
from stormpetrel.evaluation.alert_truth import TrueEvent, read_truth
from stormpetrel.evaluation.enriched_events import EnrichedSets, LabelledEnrichedPost
from stormpetrel.evaluation.event_folds import event_key
from stormpetrel.evaluation.folders import data_folders, json_records

PARTS = ("t26", "mentions", ".")  # of a folder like tweets_crisislex or tweets_idrisi, the first that has files


def labelled_files(data: Path) -> list[Path]:
    """The files of JSON lines of a folder laid out like CrisisLex, IDRISI or CrisisMMD, or of such folders. Raises
    SetupError where there is none."""
    whole, *inner = data_folders(data)
    # A folder that is a set itself has no other sets in it, but other forms of its own posts.
    files = _files(whole) or [file for folder in inner for file in _files(folder)]
    if not files:
        raise SetupError(
            f"no labelled posts in {data}: give a folder laid out like CrisisLex (t26/EVENT.jsonl), IDRISI "
            "(mentions/EVENT.jsonl) or CrisisMMD (EVENT.jsonl)"
        )
    return files


def _files(folder: Path) -> list[Path]:
    of_parts = (sorted((folder / part).glob("*.jsonl")) for part in PARTS)
    return [file for file in next(filter(None, of_parts), []) if is_labelled_file(file)]


def is_labelled_file(file: Path) -> bool:
    """Whether the first record is a post with a label."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = next(json_records([next(lines, "")]), {})
    return "text" in first and is_related({name: str(value) for name, value in first.items() if value}) is not None


def read_played_events(data: Iterable[Path], truth: Iterable[Path], sets: EnrichedSets) -> list[PlayedEvent]:
    """The events of the truth with their posts, in the order of the truth. Raises SetupError where one has no posts."""
    by_key: dict[str, list[Path]] = {}
    for file in dict.fromkeys(file for folder in data for file in labelled_files(folder)):
        by_key.setdefault(event_key(file.stem), []).append(file)
    events = [event for file in truth for event in read_truth(file)]
    if not any(event.is_recalled for event in events):
        raise SetupError("the truth has no flood, storm, earthquake or wildfire: nothing can be judged by it")
    missing = [event.name for event in events if event.key not in by_key]
    if len(missing) == len(events):
        raise SetupError(f"no file of the data is of an event of the truth, such as {missing[0]}.jsonl")
    return [
        PlayedEvent(event, tuple(post for file in by_key[event.key] for post in sets.posts(file)))
        for event in events
        if event.key in by_key and _has_posts(event, by_key[event.key])
    ]


def _has_posts(event: TrueEvent, files: Sequence[Path]) -> bool:
    return any(file.stat().st_size for file in files)


def unrelated_posts(folders: Iterable[Path], sets: EnrichedSets) -> list[LabelledEnrichedPost]:
    """The posts that their sets label as unrelated."""
    files = dict.fromkeys(file for folder in folders for file in labelled_files(folder))
    return [post for file in files for post in sets.posts(file) if is_related(post.labels) is False]
