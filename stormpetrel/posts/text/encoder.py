"""Encodes texts as unit vectors by an exported graph: sentence-transformers' vectors, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.models.graph import Runtime, open_graph
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.exported_model import Manifest, export
from stormpetrel.posts.gloss.gloss import Glosser

MAX_BATCH_TOKENS = 1024  # with padding: the model's memory grows with them
MAX_LENGTH_RATIO = 1.25  # of the longest text of a batch to its shortest


class TextManifest(Manifest):
    """`languages` are those that the model's card names; empty where it names none."""

    KIND = "text model"
    FILES = ("model.onnx", "tokenizer.json")
    max_length: int
    inputs: tuple[str, ...]
    pad_id: int
    languages: tuple[str, ...] = ()

    @property
    def knows_english_alone(self) -> bool:
        """Whether texts in other languages are to be glossed for it. Cards that name no language get no gloss."""
        return (self.languages or CARDS_OF_OLD.get(self.model, ())) == ("en",)


# Exported by releases that did not write the languages down.
CARDS_OF_OLD = {"all-MiniLM-L6-v2": ("en",)}

read_manifest = TextManifest.read


def ensure_text_model(cache: Path, name: str, say: Callable[[str], None]) -> Path:
    """The text model's folder in the cache; the model is exported first where it is missing or damaged.

    Raises SetupError where it cannot be exported.
    """
    if TextManifest.cached(cache, name) is None:
        export(cache, name, say)
    return model_directory(cache, name)


class TextEncoder:
    """Encodes texts with an exported model; `pivot` glosses those that are not English first.

    Any thread may call it; one call at a time uses all its threads, by default as many as there are cores. `runtime`
    says what computes the vectors, and is no part of `version`.
    """

    def __init__(
        self,
        directory: Path,
        batch_size: int = 16,
        threads: int | None = None,
        pivot: Glosser | None = None,
        runtime: Runtime = "auto",
    ) -> None:
        from tokenizers import Tokenizer

        self.manifest = read_manifest(directory)
        self.pivot, self.dimensions = pivot, self.manifest.dimensions
        self.version = self.manifest.versioned(pivot.version if pivot else None)
        self.batch_size = batch_size
        self._graph = open_graph(directory / "model.onnx", threads, runtime, bf16=True)
        self.runtime = self._graph.runtime
        self._tokenizer: Any = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.enable_truncation(self.manifest.max_length)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (len(texts), dimensions), in the order of the texts."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        readable = [self.pivot.gloss(text).text for text in texts] if self.pivot else list(texts)
        tokens: list[list[int]] = [encoding.ids for encoding in self._tokenizer.encode_batch(readable)]
        for rows in length_batches([len(ids) for ids in tokens], self.batch_size):
            vectors[rows] = self._graph.run(self._feed([tokens[row] for row in rows]))
        return vectors

    def _feed(self, tokens: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
        """The model's inputs, int64, shape (texts, longest of them)."""
        padded = zip(*zip_longest(*tokens, fillvalue=self.manifest.pad_id), strict=True)
        ids = np.array(list(padded), dtype=np.int64)
        mask = np.arange(ids.shape[1]) < np.array([[len(text)] for text in tokens])
        columns = {"input_ids": ids, "attention_mask": mask.astype(np.int64), "token_type_ids": np.zeros_like(ids)}
        return {name: columns[name] for name in self.manifest.inputs}


def length_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Rows grouped by length: one long text would pad its whole batch, and padding costs time.

    >>> list(length_batches([9, 90, 10, 8], batch_size=16))
    [[3, 0, 2], [1]]
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (
            len(batch) == batch_size
            or lengths[row] > MAX_LENGTH_RATIO * lengths[batch[0]]
            or lengths[row] * (len(batch) + 1) > MAX_BATCH_TOKENS
        ):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
