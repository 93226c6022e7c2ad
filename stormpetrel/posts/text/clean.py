"""Cleans posts' texts: no mark-up, no URLs, no user names, no invisible characters."""

from __future__ import annotations

import html
import re
import unicodedata

URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S+", re.IGNORECASE)
USER = re.compile(r"(?<!\w)@[\w.]+(?:@[\w.-]+)?:?")
REPOST = re.compile(r"^(?:\s*(?:RT|MT|via)\b[\s:“\"]*)+", re.IGNORECASE)
TAG = re.compile(r"<[^<>]{1,500}>")
BREAK = re.compile(r"<\s*(?:br|/p|/li)\b[^<>]*>", re.IGNORECASE)
INVISIBLE = dict.fromkeys(
    [0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
# Python converts no number of more than 4,300 digits, and no character has one of eight.
NO_CHARACTER = re.compile(r"&#(?:x[0-9a-f]{8,}|[0-9]{8,});?", re.IGNORECASE)
NOT_WORD = re.compile(r"[^\w\s]|_")


def from_html(content: str) -> str:
    """The text of an HTML fragment, as Mastodon sends it; links keep their text.

    >>> from_html("<p>Acqua &amp; fango<br>a Genova</p>")
    'Acqua & fango\\na Genova'
    """
    return _unescaped(TAG.sub("", BREAK.sub("\n", content))).strip()


def clean(text: str) -> str:
    """The text without URLs, user names, the mark of a repost and invisible characters. Words keep their case.

    >>> clean("RT @a: Flood in #Genova!  http://t.co/x")
    'Flood in #Genova!'
    """
    words = USER.sub(" ", URL.sub(" ", REPOST.sub("", visible(text))))
    return " ".join(REPOST.sub("", words).split()).lstrip(": ").strip()


def visible(text: str) -> str:
    """The text as people see it: one form of each character, no HTML entities, no invisible characters."""
    return _unescaped(unicodedata.normalize("NFC", text)).translate(INVISIBLE)


def _unescaped(text: str) -> str:
    return html.unescape(NO_CHARACTER.sub("", text))


def canonical(text: str) -> str:
    """A form in which an exact duplicate equals its original: cleaned, case-folded, without punctuation.

    >>> canonical("RT @b: FLOOD in Genova!!") == canonical("Flood in #Genova http://t.co/x")
    True
    """
    folded = unicodedata.normalize("NFKC", clean(text)).casefold()
    return " ".join(NOT_WORD.sub(" ", folded).split())
