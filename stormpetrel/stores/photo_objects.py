"""Photos in a folder or on S3: the pictures by their hash, and beside them which post has which.

    pictures/<hash>/full.jpg, pictures/<hash>/thumbnail.jpg
    of_post/<post>/<hash>            empty: this post has this photo
    of_picture/<hash>/<post>         empty: the same, found by the photo

`<post>` is the id of the post's point in the index. A post's entries are written before the picture, so that whatever
is left by a crash is found when the post is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingObject
from obstore.store import LocalStore, MemoryStore, S3Store

from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.ids import point_id
from stormpetrel.core.photo_settings import Photos
from stormpetrel.core.ports import PhotoSize

RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


@contextmanager
def _store_errors(action: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreUnavailable(f"photos: {action}: {str(error).splitlines()[0]}; see photos.store") from error


class PhotoObjects:
    """A PhotoStore on object storage."""

    def __init__(self, store: LocalStore | MemoryStore | S3Store) -> None:
        self._store = store

    @classmethod
    def of(cls, settings: Photos) -> PhotoObjects:
        """In the folder of `photos.store`, or at `s3://bucket/prefix` with the keys of the environment. Raises
        SetupError."""
        address, s3_endpoint = settings.store, settings.s3_endpoint
        try:
            if not address.startswith("s3://"):
                folder = Path(address).resolve()
                folder.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(folder, automatic_cleanup=True))
            bucket, _, prefix = address.removeprefix("s3://").partition("/")
            server: Any = {}
            if s3_endpoint is not None:
                server = {"endpoint": s3_endpoint, "virtual_hosted_style_request": False}
                server["client_options"] = {"allow_http": s3_endpoint.startswith("http://")}
            return cls(S3Store(bucket, prefix=prefix or None, retry_config=RETRIES, **server))
        except (BaseError, OSError, ValueError) as error:
            raise SetupError(
                f"photos cannot be kept at {address}: {error}; set photos.store to a folder of yours, or to "
                "s3://bucket/prefix"
            ) from error

    def put(self, post_id: str, photo_hash: str, jpeg: bytes, thumbnail: bytes) -> None:
        post = point_id(post_id)
        with _store_errors("writing"):
            for path in (f"of_post/{post}/{photo_hash}", f"of_picture/{photo_hash}/{post}"):
                obstore.put(self._store, path, b"")
            if not self._is_whole(photo_hash):
                obstore.put(self._store, _picture(photo_hash, "thumbnail"), thumbnail)
                obstore.put(self._store, _picture(photo_hash, "full"), jpeg)  # the last: with it the photo is whole

    def get(self, photo_hash: str, size: PhotoSize) -> bytes | None:
        with _store_errors("reading"):
            try:
                return bytes(obstore.get(self._store, _picture(photo_hash, size)).bytes())
            except (MissingObject, FileNotFoundError):
                return None

    def hashes_of(self, post_id: str) -> list[str]:
        with _store_errors("listing"):
            return self._names(f"of_post/{point_id(post_id)}/")

    def forget(self, post_id: str) -> list[str]:
        post, hashes = point_id(post_id), self.hashes_of(post_id)
        with _store_errors("deleting"):
            for photo_hash in hashes:
                self._delete(f"of_picture/{photo_hash}/{post}")
                if not self._names(f"of_picture/{photo_hash}/"):
                    self._delete(_picture(photo_hash, "full"), _picture(photo_hash, "thumbnail"))
                self._delete(f"of_post/{post}/{photo_hash}")  # the last: until then a crash does it all again
        return hashes

    def _is_whole(self, photo_hash: str) -> bool:
        try:
            obstore.head(self._store, _picture(photo_hash, "full"))
        except (MissingObject, FileNotFoundError):
            return False
        return True

    def _names(self, folder: str) -> list[str]:
        """The names of the objects in a folder."""
        batches = obstore.list(self._store, prefix=folder)
        return sorted(str(entry["path"]).rsplit("/", 1)[-1] for batch in batches for entry in batch)

    def _delete(self, *paths: str) -> None:
        for path in paths:
            try:
                obstore.delete(self._store, path)
            except (MissingObject, FileNotFoundError):
                continue  # S3 says nothing of it, a folder does


def _picture(photo_hash: str, size: PhotoSize) -> str:
    return f"pictures/{photo_hash}/{size}.jpg"
