"""Photos in the API: in a post's document, and by their hash."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.photo_settings import Photos
from stormpetrel.projections import PhotoProjection, PostProjection
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.memory_api import MemoryApi
from tests.unit.photo_events import described, missing, photo, post_with


def test_a_posts_photos_are_in_its_document_and_served_by_their_hash(tmp_path: Path) -> None:
    memory = MemoryApi(photos={"store": str(tmp_path / "photos")})
    stores = memory.documents, memory.index
    posts = PostProjection(*stores, "posts", EmbeddingSpec("text", 2), "photos")  # type: ignore[arg-type]
    posts.write([post_with("x:501", "https://p.example/a", "data:image/png;base64,AAAA")])
    photos = PhotoProjection(*stores, "posts", "photos", EmbeddingSpec("seen", 2))  # type: ignore[arg-type]
    photos.write([described("x:501", photo(longitude=8.9, latitude=44.4), missing(1, awaited=False))])
    photo_hash = f"{0:064x}"
    PhotoObjects.of(Photos(store=str(tmp_path / "photos"))).put("x:501", photo_hash, b"a jpeg", b"a small jpeg")
    with TestClient(memory.app()) as client:
        document = client.get("/v1/posts/x:501").json()
        first, second = document["photos"]
        assert first["hash"] == photo_hash and (first["longitude"], first["latitude"]) == (8.9, 44.4)
        assert second["problem"] == "it did not come" and "url" not in second
        assert document["concepts"][0]["name"] == "fire" and document["media"][1]["url"] is None
        reply = client.get(first["url"])
        assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, b"a small jpeg", "image/jpeg")
        assert client.get(first["url"], params={"size": "full"}).content == b"a jpeg"
        assert client.get(f"/v1/photos/{1:064x}").status_code == 404
        for wrong in ("..%2F..%2Fetc", "A" * 64, "a" * 63):
            assert client.get(f"/v1/photos/{wrong}").status_code in (404, 422)
        assert client.get(first["url"], params={"size": "huge"}).status_code == 422
