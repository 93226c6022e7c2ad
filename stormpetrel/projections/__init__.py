"""What an event becomes in the stores: documents and points, written idempotently by id."""

from stormpetrel.projections.incidents import IncidentProjection
from stormpetrel.projections.patches import PatchProjection, ProductProjection
from stormpetrel.projections.photos import PhotoProjection
from stormpetrel.projections.posts import PostProjection
from stormpetrel.projections.predictions import PredictionProjection
from stormpetrel.projections.projection import Projection

__all__ = [
    "IncidentProjection",
    "PatchProjection",
    "PhotoProjection",
    "PostProjection",
    "PredictionProjection",
    "ProductProjection",
    "Projection",
]
