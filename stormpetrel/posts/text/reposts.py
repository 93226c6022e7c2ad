"""What a text repeats of another one: its words without the mark of a repost and without what people add at the ends.

"Wow! RT @ada: Flood in Genova, stay ho…", "Flood in Genova, stay home via @ada" and "Flood in Genova, stay home #news"
all repeat "Flood in Genova, stay home". A longer comment, another number or another end makes another post.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stormpetrel.posts.text.clean import canonical, visible

LEAST_WORDS = 6  # that two texts share at their beginning before one repeats the other; shorter ones must be equal
MOST_WORDS = 120  # of a text that is compared word by word
MOST_COMMENT = 2  # words before the mark, such as "Go there!"; three words can be news
LEAST_SHARE = 0.5  # of a text's words that a cut one has, for the whole to be counted at the cut one
USER = r"@[\w.]+(?:@[\w.-]+)?:?"
MARK = re.compile(rf"(?P<comment>.*)(?<!\w)(?:RT|MT)\b[\s:“\"'‘]*{USER}(?P<text>.*)", re.IGNORECASE | re.DOTALL)
QUOTE = re.compile(rf"\s*[“\"]\s*{USER}(?P<text>[^”\"]+)[”\"](?P<comment>.*)", re.DOTALL)
TAIL = re.compile(rf"\W*(?:(?:https?:|www\.|pic\.twitter\.com/)\S*|{USER}|[#＃]\w+)?\W*")
VIA = re.compile(r"\W*v[ií]a:?", re.IGNORECASE)
CUT_ADDRESS = re.compile(r"\W*(?:ht{0,2}p?s?:?/{0,2}|https?:\S*?)\W*", re.IGNORECASE)
CUT = re.compile(r"(?:…|\.\.\.)\W*$")
Words: TypeAlias = "array[int]"  # 4 bytes a word: thousands of texts are kept


def hashed(text: str) -> Words:
    """The words of a text as numbers of 32 bits, in order, whatever their case and punctuation."""
    return array("I", (zlib.crc32(word.encode()) for word in canonical(text).split()))


def whole_words(text: str, start: int, end: int) -> str:
    """A part of a text with the rest of its first and last word.

    >>> whole_words("Acqua #GenovaAlert", 7, 13)
    'GenovaAlert'
    """
    before, after = re.search(r"\w*$", text[:start]), re.match(r"\w*", text[end:])
    return (before[0] if before else "") + text[start:end] + (after[0] if after else "")


@dataclass(frozen=True)
class RepeatedText:
    """The `words` of a text that may be another's; those of its `comment` and of the `tail`, hashtags at its end.

    A text of more than `MOST_WORDS` has none: it is too long to be kept. Of a text that `is_cut` the last word, which
    may be half a word, is left out. One that `is_marked` says itself that it repeats another.
    """

    words: Words
    comment: Words
    tail: Words
    is_cut: bool
    is_marked: bool

    @property
    def whole(self) -> Words:
        """The words to the end."""
        return self.words + self.tail

    @property
    def beginning(self) -> bytes:
        """By which texts that may repeat each other meet; empty where there are too few words."""
        whole = self.whole
        return whole[:LEAST_WORDS].tobytes() if len(whole) >= LEAST_WORDS else b""

    def shares(self, names: Sequence[str], other: RepeatedText) -> bool:
        """Whether the other text has every word of these names that this one has in full; of a text that is too long to
        be kept it is taken to have them."""
        if not other.whole:
            return True
        words = {word for name in names for word in hashed(name)} & {*self.whole, *self.comment}
        return words <= {*other.whole, *other.comment}

    def repeats(self, original: RepeatedText) -> bool:
        """Whether this says nothing that the original does not say, hashtags at the end aside."""
        if self.words == original.words and len(self.words) >= LEAST_WORDS and not self.is_cut:
            added, kept = {*self.tail} - {*self.words}, {*original.tail} - {*self.words}
            return added <= kept or kept <= added
        return self._begins_as(original)

    def _begins_as(self, original: RepeatedText) -> bool:
        mine, others = self.whole, original.whole
        shared = min(len(mine), len(others))
        if shared < LEAST_WORDS or mine[:shared] != others[:shared]:
            return False
        # What ends before the other does is cut there or marked, or else it is a text of its own.
        if len(mine) <= len(others):
            return self.is_cut or self.is_marked or len(mine) == len(others)
        return original.is_cut and shared >= LEAST_SHARE * len(mine)


def repeated_text(text: str) -> RepeatedText:
    """Reads the mark of a repost, the comment before it, and the end of a text.

    >>> original = repeated_text("Flood in Genova, please stay at home #news")
    >>> repeated_text("RT @ada: Flood in Genova, please stay at ho…").repeats(original)
    True
    """
    shown = visible(text)
    match = MARK.fullmatch(shown) or QUOTE.fullmatch(shown)
    comment = hashed(match["comment"]) if match else hashed("")
    if match is None or len(comment) > MOST_COMMENT or any(map(str.isdigit, canonical(match["comment"]))):
        return _read(shown, hashed(""), is_marked=False)
    return _read(match["text"], comment, is_marked=True)


def _read(text: str, comment: Words, is_marked: bool) -> RepeatedText:
    tokens, tail, is_cut = text.split(), list[str](), False
    while tokens:
        token = tokens[-1]
        if CUT.search(token):
            is_cut = True
            last = tokens.pop()
            if not re.search(r"\w", last) and tokens:
                last = tokens.pop()  # the half word stands before a space
            if not CUT_ADDRESS.fullmatch(last):
                break
        elif TAIL.fullmatch(token):
            tail.append(tokens.pop())
        elif VIA.fullmatch(token) and tail and "@" in tail[-1]:
            is_marked = True
            tokens.pop()
        else:
            break
    words, added = hashed(" ".join(tokens)), hashed(" ".join(tail[::-1]))
    if len(words) + len(added) > MOST_WORDS:
        words, added = hashed(""), hashed("")
    return RepeatedText(words, comment, added, is_cut, is_marked)
