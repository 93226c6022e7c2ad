"""Laws of the detector: rates, order of the log, and probabilities."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stormpetrel.core.events import Signal
from stormpetrel.incidents.confidence import with_likelihood_ratio
from stormpetrel.incidents.rates import DailySeason, UsualRate, surprise
from tests.unit.incident_streams import GENOVA, ITALY, MANILA, PALERMO, SAVONA, T0, detector, post

PLACES = st.lists(st.sampled_from([GENOVA, SAVONA, PALERMO, ITALY, MANILA]), min_size=1, max_size=2, unique=True)
MINUTES = st.integers(0, 3 * 24 * 60)


@example(1.0, 2.2250738585e-313, 1.0, 1.0)
@given(st.floats(0, 200), st.floats(0, 200), st.floats(0.01, 50), st.floats(0.01, 50))
def test_more_posts_surprise_more_and_more_expected_ones_less(a: float, b: float, usual: float, more: float):
    fewer, most = sorted((a, b))
    assert surprise(fewer, usual) <= surprise(most, usual) + 1e-9
    assert surprise(most, usual + more) <= surprise(most, usual) + 1e-9
    assert 0 <= surprise(most, usual) <= 50


@given(st.lists(MINUTES, max_size=60))
def test_a_usual_rate_fades_and_is_never_zero(minutes: list[int]):
    usual = UsualRate(T0)
    for each in sorted(minutes):
        usual.add(T0 + timedelta(minutes=each))
    rates = [usual.rate(T0 + timedelta(days=day)) for day in (4, 30, 300)]
    assert min(rates) > 0
    assert rates[1] >= rates[2] or not minutes


@given(st.lists(MINUTES, max_size=100), st.integers(1, 48))
def test_a_season_has_a_mean_of_one_over_the_day(minutes: list[int], hours: int):
    season = DailySeason()
    for each in minutes:
        season.add(T0 + timedelta(minutes=each))
    by_hour = [season.factor(T0 + timedelta(hours=h), T0 + timedelta(hours=h + 0.5)) for h in range(24)]
    assert abs(sum(by_hour) / 24 - 1) < 1e-9
    assert season.factor(T0, T0 + timedelta(hours=hours)) > 0


@given(st.floats(0.01, 0.99), st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_likelihood_ratio_moves_the_probability_its_way(probability: float, ratio: float, greater: float):
    low, high = sorted((ratio, greater))
    assert with_likelihood_ratio(probability, low) <= with_likelihood_ratio(probability, high)
    assert abs(with_likelihood_ratio(probability, 1.0) - probability) < 1e-9
    assert 0 < with_likelihood_ratio(probability, ratio) < 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(MINUTES, PLACES), min_size=3, max_size=40), st.randoms(use_true_random=False))
def test_the_same_records_tell_the_same_in_any_order_of_partitions(made, random):
    posts = [post(number, minute, places) for number, (minute, places) in enumerate(made)]
    shuffled = list(posts)
    random.shuffle(shuffled)
    one, other = detector(), detector()
    for first, second in zip(posts, shuffled, strict=True):
        one.take(first)
        other.take(second)
    end = T0 + timedelta(days=9)
    told = one.advance(end)
    assert told == other.advance(end)
    by_incident: dict[str, list[int]] = {}
    for each in told:
        by_incident.setdefault(each.incident_id, []).append(each.revision)
    assert all(revisions == list(range(1, len(revisions) + 1)) for revisions in by_incident.values())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(MINUTES, PLACES), min_size=3, max_size=40), st.integers(2, 3))
def test_records_that_are_delivered_again_tell_the_same_as_once(made, times):
    """Delivery is at least once: both records of a post may wait for the watermark together."""
    posts = [post(number, minute, places) for number, (minute, places) in enumerate(made)]
    once, again = detector(), detector()
    for each in posts:
        once.take(each)
    for number, each in enumerate(posts * times):
        again.take(each.model_copy(update={"enriched_at": each.enriched_at + timedelta(seconds=number)}))
    end = T0 + timedelta(days=9)
    assert once.advance(end) == again.advance(end)


KINDS = st.sampled_from(["flood", "flood", "storm", None])
SIGNALS = st.lists(
    st.tuples(MINUTES, KINDS, st.sampled_from([GENOVA, PALERMO]), st.integers(0, 3), st.booleans()), max_size=12
)


def _signal(minute, kind, place, number, withdrawn) -> Signal:
    at = T0 + timedelta(minutes=minute)
    point = place.longitude, place.latitude
    fields = {"signal_id": f"gdacs:{number}", "feed": "gdacs", "kind": kind, "title": "Red alert", "level": "red"}
    return Signal(**fields, point=point, withdrawn=withdrawn, published_at=at, ingested_at=at)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(MINUTES, PLACES), min_size=3, max_size=40), SIGNALS)
def test_official_signals_change_nothing_but_what_is_shown(made, said):
    """The same incidents live the same lives, whatever agencies say; what they say is told as evidence alone."""
    posts = [post(number, minute, places) for number, (minute, places) in enumerate(made)]
    moments = [(each.post.created_at, 0, each) for each in posts]
    moments += [(signal.published_at, 1, signal) for signal in (_signal(*each) for each in said)]
    silent, spoken_to = detector(), detector()
    revisions = [], []
    for at, _, event in sorted(moments, key=lambda each: each[:2]):
        for told, detecting in zip(revisions, (silent, spoken_to), strict=True):
            if not isinstance(event, Signal):
                told += detecting.take(event)
            elif detecting is spoken_to:
                told += (changes := detecting.take_signal(event))
                assert {each.change for each in changes} <= {"evidence"}
            told += detecting.advance(at)
    for told, detecting in zip(revisions, (silent, spoken_to), strict=True):
        told += detecting.advance(T0 + timedelta(days=9))
    without, beside = revisions
    unlike = {"revision", "signals"}
    assert [each.model_dump(exclude=unlike) for each in beside if each.change != "evidence"] == [
        each.model_dump(exclude=unlike) for each in without
    ]
    assert not any(each.radar for each in beside), "no signal confirms"
