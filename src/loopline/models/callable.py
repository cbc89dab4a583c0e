"""Any Python function as a model."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from loopline.errors import ModelError
from loopline.kernel.schema import LABEL_COLUMNS, FieldKind
from loopline.models.protocol import About, Float32, Picture, UInt8, f32

Columns = Mapping[str, Sequence[object]]

Finder = Callable[[Sequence[UInt8]], Sequence[Columns]]
"""Pictures (h, w, 3) RGB in; for each, columns of its labels, such as {"label": [...], "x": [...], ...}."""

Vectors = Callable[[Sequence[UInt8]], "Float32"]
"""Pictures (h, w, 3) RGB in; (n, d) vectors out."""


@dataclass(frozen=True)
class FunctionPredictor:
    """A function that finds labels."""

    function: Finder
    about: About

    def prepare(self, picture: Picture) -> UInt8:
        return picture.rgb

    def predict(self, batch: Sequence[UInt8]) -> pa.Table:
        answers = self.function(batch)
        if len(answers) != len(batch):
            raise ModelError(
                f"the function gave {len(answers)} answers for {len(batch)} pictures", where=self.about.name
            )
        known = LABEL_COLUMNS[self.about.kind or "box"]
        columns: dict[str, list[object]] = {"place": []}
        for place, answer in enumerate(answers):
            sizes = {len(values) for values in answer.values()}
            if len(sizes) > 1 or not set(answer) <= set(known):
                raise ModelError(
                    f"its columns {', '.join(answer)} differ in length or are not those of a label",
                    where=self.about.name,
                    hint=f"columns of {self.about.kind}: {', '.join(known)}",
                )
            count = sizes.pop() if sizes else 0
            before = len(columns["place"])
            columns["place"] += [place] * count
            for name, values in answer.items():
                columns.setdefault(name, [None] * before).extend(values)
            for values_ in columns.values():
                values_.extend([None] * (len(columns["place"]) - len(values_)))
        return pa.table({n: pa.array(v, pa.int64()) if n == "place" else pa.array(v) for n, v in columns.items()})


@dataclass(frozen=True)
class FunctionEmbedder:
    """A function that makes vectors."""

    function: Vectors
    about: About
    dimension: int
    normalised: bool

    def prepare(self, picture: Picture) -> UInt8:
        return picture.rgb

    def embed(self, batch: Sequence[UInt8]) -> Float32:
        return f32(self.function(batch)).reshape(len(batch), self.dimension)


def predictor(
    function: Finder, *, kind: FieldKind = "box", classes: Sequence[str] = (), name: str = "", batch_size: int = 8
) -> FunctionPredictor:
    """A function as a `Predictor`.

    >>> import numpy as np
    >>> found = predictor(lambda pictures: [{"label": ["all"], "x": [0], "y": [0], "w": [9], "h": [9]} for _ in pictures])
    >>> found.predict([np.zeros((9, 9, 3), np.uint8)])["label"].to_pylist()
    ['all']
    """
    about = About(name or _name(function), _fingerprint(function), kind, tuple(classes), batch_size=batch_size)
    return FunctionPredictor(function, about)


def embedder(
    function: Vectors, *, dimension: int, normalised: bool = False, name: str = "", batch_size: int = 8
) -> FunctionEmbedder:
    """A function as an `Embedder`."""
    about = About(name or _name(function), _fingerprint(function), batch_size=batch_size)
    return FunctionEmbedder(function, about, dimension, normalised)


def _name(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _fingerprint(function: object) -> str:
    """Of the function's text where there is one: a changed function is another model."""
    try:
        text = inspect.getsource(function)  # type: ignore[arg-type]
    except (OSError, TypeError):
        text = repr(type(function))
    return hashlib.sha256(f"{_name(function)}\n{text}".encode()).hexdigest()[:16]
