"""ONNX files through onnxruntime: a card says how pictures go in and what the numbers that come out mean."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from loopline.errors import MissingDependency, ModelError
from loopline.models.card import Card
from loopline.models.inputs import Prepared, prepare
from loopline.models.protocol import About, Float32, Picture, f32

if TYPE_CHECKING:
    import onnxruntime as ort


class OnnxModel:
    """A `Predictor` where its card has an output, an `Embedder` where it has an embedding."""

    def __init__(
        self, card: Card, weights: Path, *, min_score: float | None = None, threads: int | None = None
    ) -> None:
        self.card = card
        self._classes = card.class_names()
        self._floor = min_score if min_score is not None else card.output.min_score if card.output else 0.0
        self._session, digest = _session(weights, card, threads)
        self._input, self._fixed_batch, self._layout_px = _input_of(self._session, card)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._dimension = 0
        told = f"{digest}:{card.fingerprint()}:{self._floor:g}"
        self._about = About(
            name=card.name,
            fingerprint=hashlib.sha256(told.encode()).hexdigest()[:16],
            kind=card.output.kind if card.output else None,
            classes=self._classes,
            keypoint_names=tuple(card.keypoint_names),
            skeleton=tuple(card.skeleton),
            batch_size=card.batch_size,
            decode_px=card.input.decode_px,
            licence=card.licence,
            source=card.origin,
        )

    @property
    def about(self) -> About:
        return self._about

    @property
    def normalised(self) -> bool:
        return self.card.embedding is not None and self.card.embedding.normalise

    @property
    def dimension(self) -> int:
        """Found by trying, once."""
        if not self._dimension:
            side = (self.card.input.width or 64, self.card.input.height or 64)
            grey = Picture(np.full((side[1], side[0], 3), 128, np.uint8), *side)
            self._dimension = self.embed([self.prepare(grey)]).shape[1]
        return self._dimension

    def prepare(self, picture: Picture) -> Prepared:
        return prepare(picture, self.card.input)

    def predict(self, batch: Sequence[Prepared]) -> pa.Table:
        if self.card.output is None:
            raise ModelError(f"{self.card.name} makes embeddings, not labels", hint="use embed")
        head, tables = self.card.output, []
        for start, part, outputs in self._runs(batch, self._outputs):
            size = self._size(part[0])
            placements = [one.placement for one in part]
            rows = head.rows(outputs, size, placements, self._classes, self._floor)
            tables.append(rows.set_column(0, "place", pa.array(rows["place"].to_numpy() + start, pa.int64())))
        return pa.concat_tables(tables)

    def embed(self, batch: Sequence[Prepared]) -> Float32:
        if self.card.embedding is None:
            raise ModelError(f"the card of {self.card.name} has no [embedding]", hint="choose another model")
        name = self.card.embedding.tensor or self._outputs[0]
        if name not in self._outputs:
            raise ModelError(f'no output "{name}"', where="[embedding]", hint=f"there are {', '.join(self._outputs)}")
        parts = [_pooled(outputs[name]) for _, _, outputs in self._runs(batch, [name])]
        vectors = np.concatenate(parts).astype(np.float32)
        return unit(vectors) if self.normalised else vectors

    def _runs(
        self, batch: Sequence[Prepared], outputs: list[str]
    ) -> list[tuple[int, Sequence[Prepared], Mapping[str, Float32]]]:
        """The network over parts of the batch that it takes at once: of one shape, and as many as its input allows."""
        found: list[tuple[int, Sequence[Prepared], Mapping[str, Float32]]] = []
        start = 0
        while start < len(batch):
            end = start + 1
            most = self._fixed_batch or len(batch)
            while end < len(batch) and end - start < most and batch[end].tensor.shape == batch[start].tensor.shape:
                end += 1
            part = batch[start:end]
            tensor = np.stack([one.tensor for one in part])
            short = (self._fixed_batch or len(part)) - len(part)
            if short:
                tensor = np.concatenate([tensor, np.zeros((short, *tensor.shape[1:]), np.float32)])
            values = self._session.run(outputs, {self._input: tensor})
            found.append((start, part, {n: v[: len(part)] for n, v in zip(outputs, values, strict=True)}))
            start = end
        return found

    def _size(self, one: Prepared) -> tuple[int, int]:
        shape = one.tensor.shape
        return (shape[2], shape[1]) if self.card.input.layout == "nchw" else (shape[1], shape[0])


def _session(weights: Path, card: Card, threads: int | None) -> tuple[ort.InferenceSession, str]:
    """The session and the SHA-256 of the weights."""
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise MissingDependency("onnxruntime is not installed", hint="pip install loopline[onnx]") from error
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"its weights cannot be read: {error.strerror}", where=str(weights)) from None
    digest = hashlib.sha256(content).hexdigest()
    if card.sha256 and digest != card.sha256:
        raise ModelError(
            "the weights are not the ones that the card is about (another SHA-256)",
            where=str(weights),
            hint="get them again, or take sha256 out of the card if they are meant to differ",
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are for decoding meanwhile
    options.log_severity_level = 3
    wanted = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()]
    try:
        return ort.InferenceSession(content, options, providers=wanted), digest
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ModelError(f"onnxruntime cannot load it: {error}", where=str(weights)) from None


def _input_of(session: ort.InferenceSession, card: Card) -> tuple[str, int, tuple[int, int]]:
    """Name of the input, its fixed batch size (0: any), its (w, h) (0: any). Raises ModelError where the card differs."""
    known = {one.name: one for one in session.get_inputs()}
    name = card.input.name or next(iter(known))
    if name not in known:
        raise ModelError(f'no input "{name}"', where=f"{card.name}: [input]", hint=f"there is {', '.join(known)}")
    shape = [size if isinstance(size, int) else 0 for size in known[name].shape]
    if len(shape) != 4:
        raise ModelError(f"its input has {len(shape)} axes, not 4", where=card.name)
    high, wide = shape[2:] if card.input.layout == "nchw" else shape[1:3]
    if card.input.resize != "pad" and (wide not in (0, card.input.width) or high not in (0, card.input.height)):
        raise ModelError(
            f"the card says {card.input.width}×{card.input.height}, the model takes {wide}×{high}",
            where=f"{card.name}: [input]",
            hint="mend width and height, or the layout",
        )
    return name, shape[0], (wide, high)


def _pooled(values: Float32) -> Float32:
    """(b, d) of what a network gives for a batch: the mean over all axes but two."""
    if values.ndim == 2:
        return values
    if values.ndim in (3, 4):  # b, tokens, d · b, c, h, w
        return f32(values.mean(axis=1 if values.ndim == 3 else (2, 3)))
    raise ModelError(f"an embedding of {values.ndim} axes")


def unit(vectors: Float32) -> Float32:
    """Rows scaled to length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return f32(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
