"""Late fusion: ranked lists of any number of modalities joined into one."""

from stormpetrel.fusion.explained import FusedItem, fuse
from stormpetrel.fusion.rank_list import RankList
from stormpetrel.fusion.tensor import tensor_fuse

__all__ = ["FusedItem", "RankList", "fuse", "tensor_fuse"]
