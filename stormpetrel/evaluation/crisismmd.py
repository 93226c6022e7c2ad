"""Posts with photos that people labelled, as CrisisMMD has them (Alam, Ofli and Imran, ICWSM 2018).

A folder like `CrisisMMD_v2.0` holds `annotations/EVENT_final_data.tsv`, one photo a line, and the photos themselves by
each line's `image_path`. The published set without its photos cannot be evaluated. What is not there is counted.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stormpetrel.core.errors import BadPicture, SetupError
from stormpetrel.evaluation.folders import without_repeats
from stormpetrel.evaluation.test_collections import UNLABELLED, LabelledPost
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.vision.pictures import Picture, read_picture

SUFFIX = "_final_data.tsv"
COLUMNS = ("tweet_id", "image_id", "image_info", "image_human", "tweet_text", "image_path")
FORM = f"give a folder like CrisisMMD_v2.0: annotations/EVENT{SUFFIX}, and data_image/ beside it"
COUNTED = ("photos", "missing", "unreadable", "unreadable_lines")
DAY = re.compile(r"(?:^|/)(\d{1,2})_(\d{1,2})_(\d{4})/")  # the folder of a photo: day, month, year
TWITTER_EPOCH_MS, FIRST_SNOWFLAKE = 1_288_834_974_657, 10**17  # ids above it hold their moment


@dataclass(frozen=True)
class PhotoPost:
    """A post with its first photo: where the photo lies, and whether people found it informative. The post's class is
    the photo's (`image_human`)."""

    post: LabelledPost
    file: Path
    informative: bool


@dataclass
class PhotoSet:
    """The posts whose photo is there, and counts: all annotated `photos`, those `missing` on disk, those that are there
    and `unreadable`, and `unreadable_lines`."""

    posts: list[PhotoPost] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTED, 0)))
    missing_by_event: Counter[str] = field(default_factory=Counter)


def read_photo_set(data: Path) -> PhotoSet:
    """The first photo of each post of a folder, the first post of those with one text.

    Raises SetupError where there are no annotations, a file of them lacks a column, or no photo is there.
    """
    files = sorted((data / "annotations").glob(f"*{SUFFIX}"))
    if not files:
        raise SetupError(f"no annotations of photos in {data}: {FORM}")
    photo_set = PhotoSet()
    records = [record for file in files for record in _records(file, photo_set)]
    present = [record for record in records if _is_present(data, record, photo_set)]
    if not present:
        raise SetupError(
            f"none of the {photo_set.counts['photos']:,} photos that the annotations name is in {data}: unpack the "
            "archive of CrisisMMD that holds data_image/, and give the folder that it makes"
        )
    first_photos = {record["id"]: record for record in sorted(present, key=lambda record: record["image_id"])[::-1]}
    kept = without_repeats(dict(record) for record in present if first_photos[record["id"]] is record)
    photo_set.posts = [_photo_post(data, record) for record in kept]
    return photo_set


def read_photo(post: PhotoPost) -> Picture | None:
    """The photo of a post; None where it cannot be read."""
    try:
        return read_picture(post.file.read_bytes())
    except (OSError, BadPicture):
        return None


def _records(file: Path, photo_set: PhotoSet) -> Iterator[dict[str, str]]:
    """The lines of a file of annotations; a line that cannot be read is counted."""
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
        if missing:
            raise SetupError(f"{file} has no column {', '.join(missing)}: {FORM}")
        for line in table:
            photo_set.counts["photos"] += 1
            if all(line[name] for name in COLUMNS) and _moment(line) is not None:
                event = file.name.removesuffix(SUFFIX)
                yield {**line, "id": line["tweet_id"], "event": event, "text": line["tweet_text"]}
            else:
                photo_set.counts["unreadable_lines"] += 1


def _is_present(data: Path, record: Mapping[str, str], photo_set: PhotoSet) -> bool:
    """Whether the photo is in the folder; what lies outside of it is not."""
    file = data / record["image_path"]
    if file.is_file() and file.resolve().is_relative_to(data.resolve()):
        return True
    photo_set.counts["missing"] += 1
    photo_set.missing_by_event[record["event"]] += 1
    return False


def _moment(line: Mapping[str, str]) -> float | None:
    """Seconds since 1970: from the id of the tweet, or else midnight of the day in the photo's path."""
    if line["tweet_id"].isdecimal() and int(line["tweet_id"]) >= FIRST_SNOWFLAKE:
        return ((int(line["tweet_id"]) >> 22) + TWITTER_EPOCH_MS) / 1000
    day = DAY.search(line["image_path"])
    try:
        return datetime(int(day[3]), int(day[2]), int(day[1]), tzinfo=UTC).timestamp() if day else None
    except ValueError:
        return None


def _photo_post(data: Path, record: Mapping[str, str]) -> PhotoPost:
    text, class_name = clean(record["text"]), record["image_human"]
    language, _ = detect(text, None)
    label = None if class_name in UNLABELLED else (record["event"], class_name)
    post = LabelledPost(record["id"], text, language, _moment(record) or 0.0, record["event"], class_name, label)
    return PhotoPost(post, data / record["image_path"], record["image_info"] == "informative")
