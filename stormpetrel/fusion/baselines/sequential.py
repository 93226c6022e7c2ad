"""Sequential re-ranking, the multi-stage retrieval of Matveeva et al. (SIGIR 2006): a list retrieves, the next ones
re-rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

RERANKED = 50  # the first items so far, which the next list may re-order


def sequential(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """The heaviest list retrieves. Each next one re-ranks those of the first 50 items that it holds too.

    A re-ranked item goes by the mean of its place so far and its place among the others in the next list. Items that
    only later lists hold are appended. Lists of equal weight go by name.
    """
    weight_of = weights or {}
    ordered_lists = sorted(lists, key=lambda ranked: (-weight_of.get(ranked.modality, 1.0), ranked.modality))
    order: list[str] = []
    for ranked in ordered_lists:
        head = [item for item in order[:RERANKED] if item in ranked.ranks]
        next_places = {item: place for place, item in enumerate(sorted(head, key=ranked.ranks.__getitem__))}
        reranked = iter(sorted(head, key=lambda item: (head.index(item) + next_places[item], item)))
        order = [next(reranked) if item in next_places else item for item in order]
        present = set(order)
        order += [item for item in ranked.items if item not in present]
    return by_score(lists, {item: -float(place) for place, item in enumerate(order)})
