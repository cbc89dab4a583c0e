"""A few bytes of ONNX, written by hand: the mean of each channel. So that no test needs a file from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _value(name: str, shape: list[int | str], kind: int = 1) -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, d) if isinstance(d, str) else _number(1, d)) for d in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def _node(kind: str, before: str, after: str, *more: str) -> bytes:
    return b"".join(_bytes(1, name) for name in (before, *more)) + _bytes(2, after) + _bytes(4, kind)


def means(file: Path, *, batch: int | str = "n", side: int | str = 8) -> Path:
    """`image` (batch, 3, side, side) -> `means` (batch, 3)."""
    nodes = [_node("GlobalAveragePool", "image", "pooled"), _node("Flatten", "pooled", "means")]
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, "means")
    graph += _bytes(11, _value("image", [batch, 3, side, side])) + _bytes(12, _value("means", [batch, 3]))
    file.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    return file


def lookup(file: Path, table: np.ndarray, *, tokens: int | str = "t") -> Path:
    """`input_ids` (n, tokens) int64 -> `vectors` (n, tokens, d): rows of a table (v, d), as a text network begins."""
    held = b"".join(_number(1, side) for side in table.shape) + _number(2, 1) + _bytes(8, "table")
    held += _bytes(9, table.astype("<f4").tobytes())
    graph = _bytes(1, _node("Gather", "table", "vectors", "input_ids")) + _bytes(2, "lookup") + _bytes(5, held)
    graph += _bytes(11, _value("input_ids", ["n", tokens], 7))
    graph += _bytes(12, _value("vectors", ["n", tokens, table.shape[1]]))
    file.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    return file


CARD = """
name = "means"
weights = "means.onnx"
classes = ["red", "green", "blue"]
licence = "Apache-2.0"
batch_size = 3
[input]
width = 8
height = 8
std = [255]
[output]
decoder = "classes"
activation = "none"
[embedding]
normalise = false
"""


def card(folder: Path, text: str = CARD, **options: int | str) -> Path:
    """The model with its card in a folder; the card's path."""
    folder.mkdir(parents=True, exist_ok=True)
    means(folder / "means.onnx", **options)  # type: ignore[arg-type]
    (folder / "means.toml").write_text(text)
    return folder / "means.toml"
