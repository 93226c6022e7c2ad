"""Late fusion: ranked lists of any number of modalities joined into one."""

from stormpetrel.fusion.ranks import RankList
from stormpetrel.fusion.tensor import FusedItem, fuse

__all__ = ["FusedItem", "RankList", "fuse"]
