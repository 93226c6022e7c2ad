"""Photos of posts, by the hash that a post's document names."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import PhotosDependency
from api.errors import content
from stormpetrel.core.errors import NotFound
from stormpetrel.core.ports import PhotoSize

router = APIRouter(prefix="/v1", tags=["posts"])
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="`hash` of a photo in a post's document")]
Size = Annotated[PhotoSize, Query(description="thumbnail: at most 320 px a side; full: at most 2,048")]
# A photo never changes, but it is gone when its post is: a browser may not keep it for long.
HEADERS = {"Cache-Control": "private, max-age=600", "X-Content-Type-Options": "nosniff"}


@router.get("/photos/{photo_hash}", response_class=Response, responses=content("image/jpeg"))
def photo(photo_hash: Hash, photos: PhotosDependency, size: Size = "thumbnail") -> Response:
    """A photo as a JPEG, upright, without the data of its file; 404 once no post has it."""
    jpeg = photos.get(photo_hash, size)
    if jpeg is None:
        raise NotFound(f"no post has the photo {photo_hash}; `photos` of a post's document name those that it has")
    return Response(jpeg, media_type="image/jpeg", headers=HEADERS)
