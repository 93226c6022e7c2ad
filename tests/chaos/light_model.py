"""A text model that costs next to nothing, so that a long run's time goes into the stream and not into a transformer:
the mean of fixed random word vectors. Its folder is a cache of the product, under the default model's name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAME = "all-MiniLM-L6-v2"  # of the default text model, whose tokenizer it takes
TOKENS, DIMENSIONS = 30_522, 384


def light_cache(cache: Path, folder: Path) -> Path:
    """`folder`, made a cache like `cache` with the light model in the place of the text model."""
    model = folder / "models" / NAME
    model.mkdir(parents=True)
    for name in ("gazetteer", "kafka", "lexicon"):
        (folder / name).symlink_to((cache / name).resolve())
    original = cache.resolve() / "models" / NAME
    (model / "tokenizer.json").write_bytes((original / "tokenizer.json").read_bytes())
    onnx.save(light_graph(), model / "model.onnx")
    manifest = json.loads((original / "manifest.json").read_text())
    digest = hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest()
    manifest["sha256"]["model.onnx"] = digest
    (model / "manifest.json").write_text(json.dumps(manifest))
    return folder


def light_graph(tokens: int = TOKENS) -> onnx.ModelProto:
    """Word vectors, their mean over the tokens of a text, and its length made 1; shape (texts, 384)."""
    table = np.random.default_rng(0).standard_normal((tokens, DIMENSIONS), dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["words", "column"], ["present"]),
        helper.make_node("ReduceSum", ["present", "first"], ["sums"], keepdims=0),
        helper.make_node("LpNormalization", ["sums"], ["vectors"], axis=1, p=2),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", DIMENSIONS])
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "first"),
    ]
    graph = helper.make_graph(nodes, "light", inputs, [vectors], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
