"""A tiny ONNX graph in the place of an Earth-observation model: the mean and the largest value of each channel."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write_graph(path: Path, channels: int, size: int) -> Path:
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("GlobalMaxPool", ["image"], ["most"]),
        helper.make_node("Concat", ["mean", "most"], ["both"], axis=1),
        helper.make_node("Flatten", ["both"], ["features"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", channels, size, size])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 2 * channels])
    graph = helper.make_graph(nodes, "tiny", [image], [features])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
