"""Posts wait for the watermark, come out in order, and a deleted one waits no more."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from stormpetrel.incidents import taken_posts
from stormpetrel.incidents.taken_posts import TakenPosts
from stormpetrel.incidents.waiting_posts import WaitingPosts
from tests.unit.incident_streams import T0, post


def test_posts_come_out_in_the_order_of_time_and_id_up_to_the_watermark():
    posts = [(T0 + timedelta(minutes=n // 2), post(n, n // 2)) for n in range(20)]
    waiting = WaitingPosts()
    for at, each in random.Random(3).sample(posts, len(posts)):
        waiting.push(at, each)
    out = [(at, each.post.post_id) for at, each in waiting.until(T0 + timedelta(minutes=4))]
    assert out == sorted(out) and len(out) == 10
    assert len(list(waiting.until(T0 + timedelta(hours=1)))) == 10


def test_a_forgotten_post_waits_no_more_and_the_others_keep_their_order():
    waiting = WaitingPosts()
    for n in (5, 3, 1, 4, 2):
        waiting.push(T0 + timedelta(minutes=n), post(n, n))
        waiting.push(T0 + timedelta(minutes=n), post(n, n))
    waiting.forget(post(3, 3).post.post_id)
    left = [each.post.post_id for _, each in waiting.until(T0 + timedelta(hours=1))]
    assert left == [post(n, n).post.post_id for n in (1, 1, 2, 2, 4, 4, 5, 5)]


def test_the_posts_taken_first_go_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(taken_posts, "MOST_TAKEN", 2)
    taken = TakenPosts()
    for post_id in ("a", "b", "c"):
        taken.note(post_id, f"incident of {post_id}")
    assert "a" not in taken and taken.incident_of("c") == "incident of c"
    taken.forget("c")
    assert "c" not in taken and taken.incident_of("c") is None
