"""The names that people give an event: a new hashtag, or the name of a storm.

Posts that bear one speak of the same event wherever their places lie: a storm on its way, a neighbouring province, an
echo from far away. A tag that has been in use for weeks, or is nothing but a word for the hazard, names no event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stormpetrel.incidents.storm_names import STORM_WORDS

HASHTAG = re.compile(r"#(\w{3,})")
NAMED_STORM = re.compile(rf"(?i:\b(?:{'|'.join(STORM_WORDS)}))[\s#_\"'“‘-]+([^\W\d_]\w{{2,}})")
STORM_BEFORE = re.compile(rf"^(?:{'|'.join(STORM_WORDS)})_?")
HAZARD_ALONE = re.compile(
    r"(?:the )?(?:flash )?(?:flood|inundat|deluge|hurricane|cyclone|typhoon|storm|tornado|rain|weather|earthquake|quake"
    r"|tremor|shake|seism|tsunami|wildfire|bushfire|forest fire|fire|blaze|breaking|news|urgent|help|pray)\w*"
)
MOST_HASHTAGS = 4  # a text of more, and of little else, is a list of hashtags that were popular
NEW_FOR = timedelta(days=21)
FORGOTTEN_AFTER = timedelta(days=14)
RUN_IN = timedelta(days=2)  # after the start, when every tag seems new
TAG_SHARE, LEAST_TAGGED = 0.2, 3  # of an incident's reports that bear the tag by which others join it


def is_list_of_hashtags(text: str) -> bool:
    """Whether a text is hashtags above all: it rides on what is popular and reports nothing.

    >>> is_list_of_hashtags("FOLLOW ME #a1 #b2,#c3 #d4 #e5 #f6"), is_list_of_hashtags("Roads closed #floods")
    (True, False)
    """
    hashtags = text.count("#")
    return hashtags > MOST_HASHTAGS and hashtags >= 0.5 * len(re.findall(r"#?\w+", text))


def tags_of(text: str) -> frozenset[str]:
    """The hashtags and the names of storms, in lower case, without a word for a storm before them."""
    said = [tag.lower() for tag in HASHTAG.findall(text)]
    said += [name.lower() for name in NAMED_STORM.findall(text) if name[0].isupper()]
    return frozenset(name for tag in said if len(name := STORM_BEFORE.sub("", tag)) > 2)


@dataclass
class EventTags:
    """Since when tags are in use. In event time."""

    heard: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    since: datetime | None = None

    def hear(self, at: datetime, text: str, english: Callable[[str], str]) -> tuple[str, ...]:
        """The tags of a text that are new, in order."""
        self.since = self.since or at
        new = []
        for tag in sorted(tags_of(text)):
            first, last = self.heard.get(tag, (at, at))
            if at - last > FORGOTTEN_AFTER:
                first = at
            self.heard[tag] = (first, max(at, last))
            was_known = first < self.since + RUN_IN or at - first > NEW_FOR
            if not was_known and not HAZARD_ALONE.fullmatch(english(tag.replace("_", " ")).lower().strip()):
                new.append(tag)
        return tuple(new)

    def forget(self, at: datetime) -> None:
        """Lets go of tags that nobody has used for weeks."""
        self.heard = {tag: times for tag, times in self.heard.items() if at - times[1] <= FORGOTTEN_AFTER}


def own_tags(tags: Counter[str], posts: int) -> frozenset[str]:
    """The tags that name an incident: of its reports, enough bear them."""
    return frozenset(tag for tag, count in tags.items() if count >= max(LEAST_TAGGED, TAG_SHARE * posts))
