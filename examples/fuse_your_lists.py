"""Fuses ranked lists of your own, without any server: python examples/fuse_your_lists.py"""

from __future__ import annotations

from stormpetrel.fusion import RankList, fuse, tensor_fuse

# Plain lists, the best item first: the answer is the fused list.
by_text = ["a", "b", "c", "d", "e"]
by_image = ["b", "a", "f", "g", "c"]
by_place = ["h", "b", "i", "a", "j"]
print("min:       ", *tensor_fuse([by_text, by_image, by_place]))
print("interleave:", *tensor_fuse([by_text, by_image, by_place], merge="interleave"))
print("text twice:", *tensor_fuse([by_text, by_image, by_place], weights=[2, 1, 1]))

# Named lists with scores: each item also says its rank in every list.
lists = [
    RankList.of("text", {"a": 0.91, "b": 0.88, "c": 0.52}.items()),
    RankList.of("place", {"b": -0.4, "d": -2.5, "a": -7.0}.items()),  # minus kilometres: higher is better
]
for rank, item in enumerate(fuse(lists), start=1):
    print(rank, item.id, item.ranks)
