"""A post, or an author with all posts, leaves the stores and every topic; the log and the stores are in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import (
    Annotation,
    AnnotationForgotten,
    Incident,
    ItemsLabelled,
    Post,
    PostDeleted,
    SavedSearchDeleted,
)
from stormpetrel.core.topics import (
    ANNOTATIONS,
    FORGOTTEN,
    INCIDENTS,
    ITEMS_LABELLED,
    POSTS_RAW,
    SAVED_SEARCHES,
    all_topics,
)
from stormpetrel.forgetting import Wanted, close_files, fingerprint, wanted
from stormpetrel.posts.forgotten import ForgottenRegister
from stormpetrel.projections.photos import PostPhotos
from tests.unit.forgetting_night import (
    ADA,
    AT,
    DID,
    MINE,
    NAMES,
    OTHERS,
    REPOST,
    SECOND,
    UNSAMPLED,
    WORDS,
    System,
    night,
)
from tests.unit.photo_events import described, photo


@pytest.fixture
def system() -> System:
    return night()


def by_author() -> Wanted:
    return wanted(NAMES, authors=[f"bsky:{DID}"])


def test_an_author_leaves_both_stores_with_all_posts_and_reposts(system: System) -> None:
    outcome = system.forgetting.forget(by_author())
    assert outcome.posts == 5, "two posts, a repost, one of the sample of dropped posts, and one that was dropped bare"
    assert set(system.documents.collections["posts"]) == {OTHERS, "x:78"} == set(system.index.collections["posts"])
    assert [each["item_id"] for each in system.documents.collections["predictions"].values()] == [OTHERS]


def test_a_dropped_post_of_which_nothing_but_the_id_is_kept_is_found_and_told(system: System) -> None:
    looked_for = wanted(NAMES, [UNSAMPLED])
    system.forgetting.forget(looked_for)
    proof = system.prove(looked_for)
    (trace,) = [trace for trace in proof.traces if trace.place == "topic posts.dropped"]
    assert (trace.count, trace.has_text, proof.stays) == (1, False, ())
    system.clean()
    assert system.prove(looked_for).is_clean


def test_photos_leave_with_all_that_is_known_of_them(system: System) -> None:
    before = system.prove(wanted(NAMES, [MINE]))
    places = {"photos", "index photos", "documents post_photos", "documents photos_described"}
    assert {trace.place for trace in before.stays} >= places
    outcome = system.forgetting.forget(by_author())
    assert outcome.counts["photos"] == 1 and system.photos.get("mine", "full") is None
    assert set(system.index.collections["photos"]) == {f"{OTHERS}#0"} and system.photos.get("theirs", "thumbnail")
    assert not places & {trace.place for trace in system.prove(by_author()).traces}


def test_photos_that_come_after_it_are_turned_away_and_the_mark_names_no_post(system: System) -> None:
    system.forgetting.forget(by_author())
    PostPhotos(system.documents, system.index, "posts", "photos").write([described(MINE, photo())])
    assert set(system.documents.collections["post_photos"]) == {OTHERS}
    assert system.prove(by_author()).stays == ()


def test_another_persons_photo_names_the_earlier_post_no_more(system: System) -> None:
    system.forgetting.forget(by_author())
    for name in ("post_photos", "photos_described"):
        (document,) = system.documents.collections[name].values()
        earlier = document["photos"][0]["seen_before"]
        assert earlier["post_id"] == f"forgotten:{NAMES.digest(MINE)}" and earlier["posted_at"].startswith("2025-11-04")


def test_posts_of_other_people_stay_and_name_it_no_more(system: System) -> None:
    system.forgetting.forget(by_author())
    stand_in = f"forgotten:{NAMES.digest(MINE)}"
    assert system.documents.collections["posts"][OTHERS]["reply_to"] == stand_in
    assert system.documents.collections["posts"]["x:78"]["duplicate_of"] == stand_in
    assert system.index.collections["posts"]["x:78"].payload["duplicate_of"] == stand_in


def test_a_deletion_goes_through_the_log_behind_whatever_is_still_under_way(system: System) -> None:
    system.forgetting.forget(by_author())
    last = {record.key: record for record in system.reader.read(POSTS_RAW)}
    deleted = {key for key, record in last.items() if record.header("schema") == PostDeleted.name()}
    assert deleted == {each.encode() for each in (MINE, SECOND, REPOST, f"{ADA}/5k", UNSAMPLED)}


def test_an_annotation_is_replaced_under_its_own_key_with_its_vectors(system: System) -> None:
    system.forgetting.forget(by_author())
    left = [record.decode(*ANNOTATIONS.events) for record in system.compacted(ANNOTATIONS)]
    assert {event.annotation_id: type(event) for event in left} == {"ann-0": AnnotationForgotten, "ann-1": Annotation}


def test_predictions_and_incidents_are_written_again_without_it(system: System) -> None:
    system.forgetting.forget(by_author())
    (labelled,) = [record.decode(ItemsLabelled) for record in system.compacted(ITEMS_LABELLED)]
    assert labelled.item_ids == (OTHERS,) and labelled.scores.values().tolist() == [-0.5]
    (told,) = [record.decode(Incident) for record in system.compacted(INCIDENTS)]
    assert [each.post_id for each in told.evidence] == [OTHERS] and told.severity_reasons == ()
    assert (told.revision, told.posts, told.severity) == (4, 9, "severe"), "what it counted for stays a number"
    for name in ("incidents", "incident_revisions"):
        (document,) = system.documents.collections[name].values()
        assert [each["post_id"] for each in document["evidence"]] == [OTHERS]


def test_a_saved_search_that_was_made_from_it_is_deleted_and_told(system: System) -> None:
    outcome = system.forgetting.forget(by_author())
    assert outcome.searches == ["saved-1"]
    (record,) = system.compacted(SAVED_SEARCHES)
    assert record.header("schema") == SavedSearchDeleted.name()


def test_dead_letters_of_it_are_deleted_and_the_others_stay_as_they_were(system: System) -> None:
    outcome = system.forgetting.forget(by_author())
    assert outcome.counts["posts.raw.dead"] == 1
    assert [record.header("reason") for record in system.reader.read(POSTS_RAW.dead())] == ["others"]


def test_what_is_left_is_told_with_its_end_and_then_nothing_is(system: System) -> None:
    looked_for = by_author()
    before = system.prove(wanted(NAMES, [MINE], [f"bsky:{DID}"]))
    assert {trace.place for trace in before.stays} >= {"documents posts", "index posts", "topic annotations"}
    system.forgetting.forget(looked_for)
    proof = system.prove(looked_for)
    assert proof.stays == () and not proof.is_clean
    ends = {trace.place: trace.until for trace in proof.traces}
    topics = {"posts.raw", "posts.enriched", "posts.photos", "posts.dropped", "posts.matched", "annotations"}
    assert ends.keys() >= {f"topic {name}" for name in topics}
    assert all(place.startswith("topic ") for place in ends), "the stores hold nothing any more"
    days = {place: (until - datetime.now(UTC)).days for place, until in ends.items() if until}
    assert days["topic posts.raw"] == 7 and days["topic posts.enriched"] == 33 and days["topic posts.dropped"] == 7
    system.clean()
    assert system.prove(looked_for).is_clean
    assert sum(1 for _ in system.reader.read(FORGOTTEN)) == 7, "the list of what must not come back stays"


def test_it_can_be_done_again(system: System) -> None:
    system.forgetting.forget(by_author())
    outcome = system.forgetting.forget(by_author())
    assert outcome.counts["posts.raw.dead"] == 0 and outcome.searches == []
    system.clean()
    assert system.prove(by_author()).is_clean


def test_one_post_is_forgotten_by_its_networks_id_and_the_authors_others_stay(system: System) -> None:
    system.forgetting.forget(wanted(NAMES, posts=[f"bsky:{DID}/3k"]))
    assert set(system.documents.collections["posts"]) == {SECOND, OTHERS, "x:78"}
    assert not any(DID.encode() in record.value for record in system.reader.read(POSTS_RAW)), "its own id goes nowhere"


def test_the_same_words_of_somebody_else_are_counted_and_stay(system: System) -> None:
    system.post("x:99", "x:zoe", WORDS)
    looked_for = by_author()
    system.forgetting.forget(looked_for)
    system.clean()
    proof = system.prove(looked_for)
    assert proof.is_clean and proof.copies == 1 and "x:99" in system.documents.collections["posts"]


def test_an_id_that_is_part_of_a_longer_one_is_another_one() -> None:
    looked_for = wanted(NAMES, posts=["x:1460"])
    assert looked_for.ids_in(b'{"post_id":"x:1460"}') and looked_for.ids_in(b"x:1460")
    assert not looked_for.ids_in(b'{"post_id":"x:14600"}') and not looked_for.ids_in(b'"ax:1460"')


@pytest.mark.parametrize("text", ["Acqua alta a “Genova” — aiuto subito!", 'say "help" \\ and\nrun for it now, all'])
def test_a_text_is_found_however_json_writes_it(text: str) -> None:
    looked_for = Wanted(texts={text})
    assert looked_for.text_in(json.dumps({"t": f"a {text} b"}).encode())
    assert looked_for.text_in(json.dumps({"t": f"a {text} b"}, ensure_ascii=False).encode())
    assert not Wanted(texts={"flood"}).text_in(b'{"kind":"flood warning"}')


@pytest.mark.parametrize("name", ["", "9", "x:", " x:9"])
def test_an_id_without_a_network_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(BadQuery, match="Give the network before it"):
        wanted(NAMES, authors=[name])


def test_what_was_forgotten_does_not_come_back(system: System) -> None:
    system.forgetting.forget(by_author())
    register = ForgottenRegister(NAMES)
    for record in system.reader.read(FORGOTTEN):
        register.apply(record.decode(*FORGOTTEN.events))
        assert ADA.encode() not in record.value and MINE.encode() not in (record.key or b"")
    post = Post(post_id="x:5", source="x", text="t", created_at=AT, ingested_at=AT, author_id=ADA)
    assert register.refuses(post) and register.has_post(MINE)
    assert register.refuses(post.model_copy(update={"author_id": "x:bob", "repost_of": MINE}))
    assert not register.refuses(post.model_copy(update={"author_id": "x:bob"}))


def test_a_quiet_compacted_topic_is_written_to_once_more_so_that_the_broker_cleans_it(system: System) -> None:
    later = datetime.now(UTC) + timedelta(days=8)
    before = len(system.log.records(ANNOTATIONS.name))
    assert close_files(all_topics(), system.reader, system.producer, datetime.now(UTC)) == []
    assert ANNOTATIONS.name in close_files(all_topics(), system.reader, system.producer, later)
    records = system.log.records(ANNOTATIONS.name)
    assert len(records) > before and {record.key for record in records} == {b"ann-0", b"ann-1"}


def test_the_audit_gets_a_digest_and_not_the_id(system: System) -> None:
    name = fingerprint(by_author(), NAMES)
    assert ADA not in name and DID not in name and name == fingerprint(by_author(), NAMES)
