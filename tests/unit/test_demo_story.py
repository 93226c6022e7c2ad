"""The demo does not flatter itself: what judges an answer shares no wording with what an analyst may label."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stormpetrel.demo.night import LANGUAGE_SHARES, PHRASES, GeneratedPost, flood_night, phrases_of
from stormpetrel.demo.story import LATER_SHARE, MADE_UP, QUESTIONS, Story, generated_story, questions_of
from stormpetrel.posts.text.clean import canonical
from stormpetrel.posts.text.language import CODES

FIELD = re.compile(r"\\\{(place|street|hour|n)\\\}")


@pytest.fixture(scope="module")
def night() -> list[GeneratedPost]:
    return flood_night(800)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return generated_story(tmp_path_factory.mktemp("demo"), 400)


def _patterns(held_out: bool) -> list[re.Pattern[str]]:
    phrases = [
        phrase
        for kind in ("flood", "noise")
        for language in LANGUAGE_SHARES
        for phrase in phrases_of(kind, language, held_out)
    ]
    return [re.compile(FIELD.sub(".+", re.escape(phrase))) for phrase in phrases]


@pytest.mark.parametrize("language", LANGUAGE_SHARES)
def test_each_language_has_phrases_of_both_kinds_held_out_and_not(language: str) -> None:
    for kind in ("flood", "noise"):
        learned, held_out = phrases_of(kind, language, False), phrases_of(kind, language, True)
        assert len(learned) >= 2 and len(held_out) >= 2
        assert not {canonical(phrase) for phrase in learned} & {canonical(phrase) for phrase in held_out}


def test_no_held_out_post_is_worded_by_a_phrase_that_is_learned_from(night: list[GeneratedPost]) -> None:
    learned, held_out = _patterns(held_out=False), _patterns(held_out=True)
    for post in night:
        text = post.text.removeprefix("RT @someone: ")
        of_its_side, of_the_other = (held_out, learned) if post.held_out else (learned, held_out)
        while text.startswith("RT @someone: "):
            text = text.removeprefix("RT @someone: ")
        assert any(pattern.fullmatch(text) for pattern in of_its_side), text
        assert not any(pattern.fullmatch(text) for pattern in of_the_other), text


def test_a_copy_is_held_out_with_its_original(night: list[GeneratedPost]) -> None:
    by_id = {post.post_id: post for post in night}
    copies = [post for post in night if post.repeats]
    assert copies and all(post.held_out == by_id[str(post.repeats)].held_out for post in copies)


def test_noise_comes_from_where_it_floods_too(night: list[GeneratedPost]) -> None:
    noise = [post for post in night if not post.flood and post.place]
    share = sum(post.place in PHRASES["flooded"] for post in noise) / len(noise)
    assert 0.2 < share < 0.5


def test_the_story_says_that_its_night_is_made_up(story: Story) -> None:
    assert MADE_UP in story.opening
    assert "made-up" in story.figures_of


def test_what_may_be_labelled_and_what_judges_are_apart_and_the_whole(story: Story) -> None:
    assert not story.may_be_labelled.keys() & story.judges.keys()
    assert story.may_be_labelled | story.judges == dict(story.truth)


def test_a_figure_counts_the_first_ten_held_out_posts_alone(story: Story) -> None:
    right = [post_id for post_id, bears in story.judges.items() if bears]
    wrong = [post_id for post_id, bears in story.judges.items() if not bears]
    labelled = list(story.may_be_labelled)[:5]
    figure = story.figure([*labelled, *right[:7], "x:unknown", *wrong[:3], *right[7:20]])
    assert figure is not None and figure.startswith(f"of the first 10 {story.figures_of} 7 belong to the flood")
    assert story.figure(labelled) is None


def test_the_newest_tenth_comes_after_the_saved_search(story: Story) -> None:
    earlier, later = (file.read_text(encoding="utf-8").splitlines() for file in (story.earlier, story.later))
    assert len(later) == round(LATER_SHARE * (len(earlier) + len(later)))
    truth = json.loads((story.earlier.parent / "truth.json").read_text(encoding="utf-8"))
    assert truth.keys() == story.truth.keys()


def test_every_language_of_the_questions_is_one_that_posts_are_told_to_be_in() -> None:
    assert set(QUESTIONS) <= set(CODES.split())
    assert all(len(questions) == 2 for questions in QUESTIONS.values())


@pytest.mark.parametrize(
    ("languages", "is_flood", "texts"),
    [
        (("it", "en"), True, [QUESTIONS["it"][0], QUESTIONS["en"][0]]),
        (("ko",), True, [QUESTIONS["en"][0]]),
        (("en",), False, ["Russia meteor"]),
    ],
)
def test_a_real_event_is_asked_in_its_languages(languages: tuple[str, ...], is_flood: bool, texts: list[str]) -> None:
    questions = questions_of(languages, "2013_Russia_meteor", is_flood, {"since": "2013-02-15T00:00:00Z"})
    assert [question.request["text"] for question in questions] == texts


def test_the_streams_of_a_night_are_written_anew(tmp_path: Path) -> None:
    first = generated_story(tmp_path, 100).earlier.read_bytes()
    assert generated_story(tmp_path, 100).earlier.read_bytes() == first
