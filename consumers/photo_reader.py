"""Fetches photos, describes them and keeps them: some at a time, each on its own, whatever one of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog

from stormpetrel.connections import Download
from stormpetrel.core.errors import BadPicture, DownloadFailed, DownloadRefused, MalformedRecord
from stormpetrel.core.events import AwaitedPhoto, Photo
from stormpetrel.core.ports import PhotoStore
from stormpetrel.posts.photos.description import PhotoDescriber, missing_photo
from stormpetrel.posts.photos.photo_file import PhotoFile, read_photo
from stormpetrel.posts.vision.pictures import from_base64, is_data_url
from stormpetrel.process.metrics import PHOTOS

log = structlog.get_logger()
AT_ONCE = 16  # photos on their way; each may take 10 MB of memory


@dataclass(frozen=True)
class WantedPhoto:
    """A photo of a post that is to be read."""

    post_id: str
    posted_at: datetime
    photo: AwaitedPhoto


class PhotoReader:
    """Reads photos. `get` fetches what an address holds; it raises DownloadRefused or DownloadFailed. `open_address`
    opens an address that is sealed, since it names an author; it raises MalformedRecord."""

    def __init__(
        self,
        get: Callable[[str], Download],
        describer: PhotoDescriber,
        store: PhotoStore,
        open_address: Callable[[str], str] = str,
    ) -> None:
        self._get, self._describer, self._store, self._open_address = get, describer, store, open_address
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photos")

    @property
    def concept_model(self) -> str | None:
        return self._describer.concept_model

    def read(self, wanted: Sequence[WantedPhoto]) -> list[Photo]:
        """One result each, in order: the photo, which is kept when this returns, or its problem. Raises
        StoreUnavailable."""
        return [photo for first in range(0, len(wanted), AT_ONCE) for photo in self._some(wanted[first:][:AT_ONCE])]

    def _some(self, wanted: Sequence[WantedPhoto]) -> Iterator[Photo]:
        contents = self._threads.map(self._content, wanted)
        keeping = []
        for each, content in zip(wanted, contents, strict=True):
            if isinstance(content, Photo):
                PHOTOS.labels("awaited" if content.awaited else "refused").inc()
                yield content
                continue
            try:
                file = read_photo(content)
            except BadPicture as error:
                PHOTOS.labels("refused").inc()
                yield missing_photo(each.photo.position, each.photo.url, str(error))
                continue
            keeping.append(self._threads.submit(self._keep, each, file))
            PHOTOS.labels("read").inc()
            yield self._describer.describe(each.photo.position, each.photo.url, file, each.posted_at)
        for kept in keeping:
            kept.result()

    def _content(self, wanted: WantedPhoto) -> bytes | Photo:
        position, url = wanted.photo.position, wanted.photo.url
        try:
            if is_data_url(url):
                return from_base64(url)
            download = self._get(self._open_address(url))
        except DownloadFailed as error:
            return missing_photo(position, url, str(error), awaited=True)
        except (BadPicture, DownloadRefused, MalformedRecord) as error:
            return missing_photo(position, url, str(error))
        if download.media_type.startswith("text/") or "svg" in download.media_type:
            return missing_photo(position, url, f"it is {download.media_type}, and no JPEG, PNG, WebP or GIF")
        return download.content

    def _keep(self, wanted: WantedPhoto, file: PhotoFile) -> None:
        self._store.put(wanted.post_id, file.hash, file.jpeg, file.thumbnail)
