"""The network of a trained spaCy pipeline (window encoder and transition parser, as in Honnibal 2016), computed with
numpy for many posts at once.

It gives the spans that spaCy gives. It is faster because the vectors of words with their features are kept, and because
a decision needs the one before it only inside a name: all others are computed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable

FEATURES = "TAG", "LEMMA"  # spaCy's names of what stands beside the word itself
WORDS_KEPT = 20_000  # words with their features; their vectors take 8 MB
WORDS_AT_ONCE = 2_000  # of several documents; more do not make it faster
MOVES = ("B", "I", "L", "U", "O")  # a word begins a name, is inside, its last, its only one; or is outside of names
BEGIN, IN, LAST, UNIT, OUT = range(len(MOVES))
EPSILON = 1e-8  # of spaCy's layer normalisation

Floats = NDArray[np.float32]
Word = tuple[str, ...]  # the text, then the value of each feature
WordSpan = tuple[int, int]


class Maxout(NamedTuple):
    """A layer: the largest of some linear maps for each output, then normalised (Goodfellow 2013, Ba 2016). `weights`
    (inputs, pieces * outputs) float32, `bias` (pieces * outputs), `gain` and `shift` (outputs)."""

    weights: Floats
    bias: Floats
    gain: Floats
    shift: Floats

    def __call__(self, rows: Floats) -> Floats:
        """(rows, inputs) -> (rows, outputs)."""
        width = len(self.gain)
        pieces = rows @ self.weights
        pieces += self.bias
        largest = pieces[:, :width]
        for start in range(width, pieces.shape[1], width):
            np.maximum(largest, pieces[:, start : start + width], out=largest)
        centred: Floats = largest - largest.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", centred, centred) / np.float32(width) + np.float32(EPSILON)
        centred *= (1 / np.sqrt(variance))[:, None]
        centred *= self.gain
        centred += self.shift
        return centred


class WindowNetwork:
    """The names in documents of words. Not for threads: it keeps the vectors of words."""

    def __init__(self, pipeline: Any) -> None:
        """Takes the weights of the pipeline's `ner`. Raises ModelUnavailable where its architecture is another one."""
        self._vocab = pipeline.vocab
        try:
            component = pipeline.get_pipe("ner")
            tok2vec, self._lower, upper = (component.model.get_ref(name) for name in ("tok2vec", "lower", "upper"))
            self._read_encoder(tok2vec)
            self._read_decisions(upper, component.moves)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ModelUnavailable(f"the tagger's network has an architecture of its own: {error}") from error
        self._row_of: dict[Word, int] = {}
        self._vectors = np.zeros((WORDS_KEPT, self._width), np.float32)

    def _read_encoder(self, tok2vec: Any) -> None:
        vectors, _, linear = tok2vec.layers
        self._embed, encode = vectors.get_ref("embed"), vectors.get_ref("encode")
        self._width, self._pad = self._embed.get_dim("nO"), encode.attrs["pad"]
        self._layers = [_window_layer(residual) for residual in encode.layers[0].layers]
        self._linear, self._linear_bias = linear.get_param("W").T.copy(), linear.get_param("b")

    def _read_decisions(self, upper: Any, moves: Any) -> None:
        weights = self._lower.get_param("W")  # (words of the state, outputs, pieces, inputs)
        if len(weights) != 3:
            raise ValueError(f"{len(weights)} words of the state")
        self._state = [part.transpose(2, 1, 0).reshape(part.shape[2], -1).copy() for part in weights]
        no_word = self._lower.get_param("pad")[0].transpose(0, 2, 1).reshape(3, -1)
        self._bias = self._lower.get_param("b").T.reshape(-1)
        self._bias_outside = self._bias + no_word[1] + no_word[2]
        self._hidden = weights.shape[1]
        names = [moves.get_class_name(number) for number in range(moves.n_moves)]
        # The move "U-" is for names that are set beforehand.
        kept = [next(row for row, name in enumerate(names) if name.split("-")[0] == move) for move in MOVES]
        if len(names) > len(MOVES) + 1 or kept != sorted(kept):
            raise ValueError(f"the moves {', '.join(names)}")
        self._upper, self._upper_bias = upper.get_param("W")[kept].T.copy(), upper.get_param("b")[kept]

    def spans(self, documents: Sequence[Sequence[Word]]) -> list[list[WordSpan]]:
        """The names in each document: (first word, the word after the last)."""
        spans: list[list[WordSpan]] = []
        group: list[Sequence[Word]] = []
        words = 0
        for document in documents:
            if group and words + len(document) > WORDS_AT_ONCE:
                spans += self._spans(group)
                group, words = [], 0
            group.append(document)
            words += len(document)
        return spans + self._spans(group)

    def _spans(self, documents: Sequence[Sequence[Word]]) -> list[list[WordSpan]]:
        words = [word for document in documents for word in document]
        if not words:
            return [[] for _ in documents]
        lengths = np.array([len(document) for document in documents])
        ends = np.cumsum(lengths)
        encoded = self._encoded(self._embedded(words), lengths)
        moves = self._moves_outside(encoded, np.array([word[0].isspace() for word in words]), ends[lengths > 0] - 1)
        return [
            list(self._names(encoded, moves, int(end - length), int(end)))
            for length, end in zip(lengths, ends, strict=True)
        ]

    def _embedded(self, words: Sequence[Word]) -> Floats:
        """The vector of each word with its features (words, width)."""
        missing = [word for word in dict.fromkeys(words) if word not in self._row_of]
        if len(self._row_of) + len(missing) > WORDS_KEPT:
            self._row_of.clear()
            missing = list(dict.fromkeys(words))
        if len(missing) > WORDS_KEPT:
            return self._newly_embedded(words)
        if missing:
            first = len(self._row_of)
            self._row_of |= {word: first + number for number, word in enumerate(missing)}
            self._vectors[first : first + len(missing)] = self._newly_embedded(missing)
        return self._vectors[[self._row_of[word] for word in words]]

    def _newly_embedded(self, words: Sequence[Word]) -> Floats:
        from spacy.tokens import Doc

        # Without the zone, spaCy keeps every word that it ever read: 80 MB after 4,000 posts of new words.
        vocab = self._vocab
        with vocab.memory_zone():
            doc = Doc(vocab, words=[text for text, *_ in words])
            values = [[vocab.strings.add(feature) for feature in features] for _, *features in words]
            array: Any = np.array(values, dtype=np.uint64)
            doc.from_array(list(FEATURES[: array.shape[1]]), array)
            vectors: Floats = self._embed.predict([doc])[0]
        return vectors

    def _encoded(self, vectors: Floats, lengths: NDArray[np.int64]) -> Floats:
        """The vectors of words in their context (words, width). Empty rows keep the documents apart."""
        apart = np.repeat(np.arange(1, len(lengths) + 1) * self._pad, lengths)
        places = np.arange(len(vectors)) + apart
        rows = np.zeros((len(vectors) + (len(lengths) + 1) * self._pad, self._width), np.float32)
        rows[places] = vectors
        window = np.zeros((len(rows), 3 * self._width), np.float32)
        for layer in self._layers:
            window[1:, : self._width] = rows[:-1]
            window[:, self._width : -self._width] = rows
            window[:-1, -self._width :] = rows[1:]
            rows += layer(window)
        encoded: Floats = rows[places] @ self._linear
        encoded += self._linear_bias
        return encoded

    def _moves_outside(
        self, encoded: Floats, is_space: NDArray[np.bool_], last_words: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The best move of each word while no name is open: begin, unit, or out."""
        scores = self._scores(encoded @ self._state[0] + self._bias_outside)
        scores[:, (IN, LAST)] = -np.inf
        scores[last_words, BEGIN] = -np.inf
        scores[is_space, BEGIN] = scores[is_space, UNIT] = -np.inf
        moves: NDArray[np.int64] = scores.argmax(axis=1)
        return moves

    def _names(self, encoded: Floats, moves: NDArray[np.int64], start: int, end: int) -> Iterator[WordSpan]:
        """The names of the document that has the words from `start` to `end`."""
        is_free = start
        for word in (np.flatnonzero(moves[start:end] != OUT) + start).tolist():
            if word >= is_free:
                is_free = word + 1 if moves[word] == UNIT else self._end_of_name(encoded, word, end)
                yield word - start, is_free - start

    def _end_of_name(self, encoded: Floats, first: int, end: int) -> int:
        """The word after the last one of a name that begins with the word `first`."""
        of_name = encoded[first] @ self._state[1] + self._bias
        for word in range(first + 1, end - 1):
            state = of_name + encoded[word] @ self._state[0] + encoded[word - 1] @ self._state[2]
            scores = self._scores(state[None])[0]
            if scores[LAST] > scores[IN]:
                return word + 1
        return end

    def _scores(self, state: Floats) -> Floats:
        """The score of each move (rows, 5)."""
        largest = state.reshape(len(state), -1, self._hidden).max(axis=1)
        scores: Floats = largest @ self._upper
        scores += self._upper_bias
        return scores


def _window_layer(residual: Any) -> Maxout:
    """The layer of a thinc model: residual(expand_window >> maxout >> layernorm)."""
    window, normalised = residual.layers[0].layers
    if window.attrs["window_size"] != 1:
        raise ValueError(f"windows of {window.attrs['window_size']} words")
    maxout, norm = normalised.layers[0].layers
    weights = maxout.get_param("W")  # (outputs, pieces, inputs)
    by_piece = weights.transpose(2, 1, 0).reshape(weights.shape[2], -1).copy()
    return Maxout(by_piece, maxout.get_param("b").T.reshape(-1).copy(), norm.get_param("G"), norm.get_param("b"))
