"""Laws of the text model's batches: every text once, room for each, few shapes, bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.posts.text.encoder import BATCH_SIZES, MAX_BATCH_TOKENS, length_batches, padded_length

LENGTHS = st.lists(st.integers(2, 512), max_size=100)
SETTINGS = st.integers(1, 256)


@given(LENGTHS, SETTINGS)
def test_every_text_is_in_one_batch_that_has_room_for_it(lengths: list[int], batch_size: int) -> None:
    batches = list(length_batches(lengths, batch_size))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch.rows) <= batch.size <= max(1, batch_size)
        assert all(lengths[row] <= batch.length for row in batch.rows)
        assert batch.size == 1 or batch.size * batch.length <= MAX_BATCH_TOKENS


@given(LENGTHS, SETTINGS)
def test_shapes_are_few(lengths: list[int], batch_size: int) -> None:
    shapes = {(batch.size, batch.length) for batch in length_batches(lengths, batch_size)}
    assert {size for size, _ in shapes} <= set(BATCH_SIZES)
    assert {length for _, length in shapes} <= {padded_length(length) for length in range(1, 513)}


def test_lengths_are_few_and_waste_little() -> None:
    assert len({padded_length(length) for length in range(1, 513)}) == 20
    assert all(length <= padded_length(length) < length + max(8, length / 4) for length in range(1, 513))
