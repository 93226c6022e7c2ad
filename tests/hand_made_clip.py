"""A CLIP model made by hand, without torch: the vector of a photo is its mean colour, that of a prompt a colour."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from stormpetrel.posts.vision.prompts import Prompts

SIZE = 8
COLOURS = {"brown": (150, 100, 50), "green": (60, 160, 60), "red": (220, 40, 30), "blue": (60, 90, 220)}
PROMPTS = Prompts(
    concepts={"muddy water": "brown", "meadow": "green", "fire": "red", "sky": "blue"},
    flood=("brown",),
    other=("green", "red", "blue"),
)


def write_clip(directory: Path, prompts: Prompts = PROMPTS) -> Path:
    """The folder of the model; every prompt is the name of a colour."""
    directory.mkdir(parents=True)
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], ["unit_vector"], axis=1, p=2),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    vector = helper.make_tensor_value_info("unit_vector", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "colours", [pixels], [vector])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (directory / "image.onnx").write_bytes(model.SerializeToString())
    vectors = np.array([COLOURS[text] for text in prompts.texts], dtype=np.float32) / 127.5 - 1
    np.save(directory / "prompts.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    files = ("image.onnx", "prompts.npy")
    fields = {
        "model": directory.name,
        "dimensions": 3,
        "size": SIZE,
        "mean": [0.5, 0.5, 0.5],
        "deviation": [0.5, 0.5, 0.5],
        "logit_scale": 10.0,
        "prompts": prompts.model_dump(),
        "sha256": {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in files},
    }
    (directory / "manifest.json").write_text(json.dumps(fields))
    return directory
