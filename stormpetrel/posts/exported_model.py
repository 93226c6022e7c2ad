"""The folder of an exported model in the cache: its manifest, and how it gets there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from stormpetrel.core.embedding_spec import named_with
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.models.export import export_model
from stormpetrel.models.model_store import REMEDY, model_directory, read_checked

EXPORTER = Path(__file__).with_name("export.py")


class Manifest(BaseModel):
    """Describes an exported model. `version` names its exact weights; events and API responses carry it."""

    model_config = ConfigDict(frozen=True)
    KIND: ClassVar[str]
    FILES: ClassVar[tuple[str, str]]  # the graph first
    model: str
    dimensions: int
    sha256: dict[str, str]

    @property
    def version(self) -> str:
        return self.versioned(None)

    def versioned(self, pivot: str | None) -> str:
        """The version, with that of the word list behind the model's name where texts are glossed for it: vectors of
        two lists are of two models."""
        return f"{named_with(self.model, pivot)}@{self.sha256[self.FILES[0]][:12]}"

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The manifest of a model's folder. Raises ModelUnavailable where a file is missing or its checksum differs."""
        try:
            return cls.model_validate(read_checked(directory, cls.FILES))
        except ValidationError as error:
            raise ModelUnavailable(f"{directory} holds no {cls.KIND} ({error}). {REMEDY}") from error

    @classmethod
    def cached(cls, cache: Path, name: str) -> Self | None:
        """The manifest of a model in the cache; None where it is not complete there with the right checksums."""
        try:
            manifest = cls.read(model_directory(cache, name))
        except ModelUnavailable:
            return None
        return manifest if manifest.model == name else None


def export(
    cache: Path, name: str, say: Callable[[str], None], arguments: Sequence[str] = (), python: Path | None = None
) -> None:
    """Exports a model into the cache, by `python` where it is given. Raises SetupError where it cannot be exported."""
    export_model(EXPORTER, cache, name, say, arguments, python)
