"""A folder that is watched for Sentinel products."""

from __future__ import annotations

from pathlib import Path

from stormpetrel.core.clock import now
from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import ProductWithdrawn
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher

SUFFIXES = (".safe", ".zip", ".tif", ".tiff")
ROUNDS_OF_REST = 2  # a folder's product is announced when it has not changed for so many looks


class WatchedFolder:
    """Announces what lies in a folder, once it has stopped growing; what is taken away is withdrawn."""

    def __init__(self, folder: Path, publisher: ProductPublisher) -> None:
        self._folder, self._publisher = folder, publisher
        self._seen: dict[Path, tuple[str, int]] = {}
        self._told: dict[Path, str] = {}

    def look(self) -> None:
        """One look. Raises SetupError where there is no such folder."""
        from stormpetrel.imagery.catalogue.folder import product_at, revision_of

        if not self._folder.is_dir():
            raise SetupError(f"catalogue.folder is {self._folder}: there is no such folder")
        here = [path for path in sorted(self._folder.iterdir()) if path.name.lower().endswith(SUFFIXES)]
        for path in here:
            revision = revision_of(path)
            last, rounds = self._seen.get(path, ("", 0))
            rounds = rounds + 1 if revision == last else 1
            self._seen[path] = (revision, rounds)
            if rounds == ROUNDS_OF_REST:
                event = self._publisher.take(path, lambda product: product_at(product, now(), self._folder), path.name)
                if event is not None:
                    self._told[path] = event.product_name
        for path in self._told.keys() - here:
            name = self._told.pop(path)
            self._publisher.publish(ProductWithdrawn(product_name=name, source="folder", withdrawn_at=now()))
            self._seen.pop(path, None)
        self._publisher.flush()
