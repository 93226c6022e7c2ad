"""Encodes texts as unit vectors by an exported graph: sentence-transformers' vectors, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormpetrel.models.graph import Runtime, open_graph
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.exported_model import Manifest, export
from stormpetrel.posts.gloss.gloss import Glosser

MAX_BATCH_TOKENS = 1024  # with padding: the model's memory grows with them
# OpenVINO compiles the model for each shape of its input (30 ms, 2 MiB that stay), so there are few of them: texts are
# padded to a length that has few bits, and batches to one of these sizes, and no larger than the setting says.
BATCH_SIZES = (1, 4, 8, 16, 32, 64)
ALONE_LENGTH = 32  # to which a text alone is padded, as a query is: another shape than the last takes longer than these
CALL_TOKENS = 64  # what a call of the model costs beside its tokens, in tokens


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
        return self.encode_readable([self.pivot.gloss(text).text for text in texts] if self.pivot else list(texts))

    def encode_in(self, text: str, language: str) -> NDArray[np.float32]:
        """The unit vector of a text whose language is known, float32, shape (dimensions,)."""
        vector: NDArray[np.float32] = self.encode_readable(
            [self.pivot.gloss(text, language).text if self.pivot else text]
        )[0]
        return vector

    def encode_readable(self, readable: list[str]) -> NDArray[np.float32]:
        """The same of texts that the model can read as they stand."""
        vectors = np.empty((len(readable), self.dimensions), dtype=np.float32)
        tokens: list[list[int]] = [encoding.ids for encoding in self._tokenizer.encode_batch(readable)]
        batches = list(length_batches([len(ids) for ids in tokens], self.batch_size))
        if len(readable) == 1:
            least = min(ALONE_LENGTH, self.manifest.max_length)
            batches = [batch._replace(length=max(batch.length, least)) for batch in batches]
        for batch in batches:
            columns = self._columns([tokens[row] for row in batch.rows], batch)
            vectors[batch.rows] = self._graph.run(columns)[: len(batch.rows)]
        return vectors

    def _columns(self, tokens: Sequence[Sequence[int]], batch: Batch) -> dict[str, NDArray[np.int64]]:
        """The model's inputs, int64, shape (batch.size, batch.length). Rows beyond the texts repeat the last one."""
        ids = np.full((batch.size, batch.length), self.manifest.pad_id, dtype=np.int64)
        lengths = np.array([len(tokens[min(row, len(tokens) - 1)]) for row in range(batch.size)])
        mask = np.arange(batch.length) < lengths[:, None]
        ids[mask] = np.concatenate([*tokens, *[tokens[-1]] * (batch.size - len(tokens))])
        columns = {"input_ids": ids, "attention_mask": mask.astype(np.int64), "token_type_ids": np.zeros_like(ids)}
        return {name: columns[name] for name in self.manifest.inputs}


class Batch(NamedTuple):
    """Rows of texts that go to the model together, and the shape of its input: at least so many rows and tokens."""

    rows: list[int]
    size: int
    length: int


def length_batches(lengths: Sequence[int], batch_size: int) -> Iterator[Batch]:
    """Texts grouped by length, each batch of the size that costs least a text: one long text would pad its whole batch.

    >>> list(length_batches([9, 90, 10, 8], batch_size=16))
    [Batch(rows=[3, 0, 2], size=4, length=16), Batch(rows=[1], size=1, length=96)]
    """
    waiting = sorted(range(len(lengths)), key=lengths.__getitem__)
    sizes = [size for size in BATCH_SIZES if size <= batch_size]
    while waiting:
        choices = []
        for count in range(1, min(sizes[-1], len(waiting)) + 1):
            size = next(size for size in sizes if size >= count)
            length = padded_length(lengths[waiting[count - 1]])
            if size == 1 or size * length <= MAX_BATCH_TOKENS:
                choices.append(Batch(waiting[:count], size, length))
        best = min(choices, key=lambda batch: (CALL_TOKENS + batch.size * batch.length) / len(batch.rows))
        yield best
        waiting = waiting[len(best.rows) :]


def padded_length(length: int) -> int:
    """The next of few lengths: multiples of 8 up to 64, of 16 up to 128, and so on.

    >>> [padded_length(length) for length in (1, 8, 61, 65, 81, 129, 300)]
    [8, 8, 64, 80, 96, 160, 320]
    """
    step = max(8, 1 << max(0, (length - 1).bit_length() - 3))
    return max(1, -(-length // step)) * step
