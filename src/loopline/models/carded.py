"""A model that a card describes, whatever runs its network: pictures in, numbers through the network, the card's decoder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from loopline.errors import ModelError
from loopline.models.card import Card
from loopline.models.heads_whole import Classes
from loopline.models.inputs import Prepared, prepare
from loopline.models.protocol import About, Float32, Picture, f32


class Network(Protocol):
    """What runs the numbers."""

    @property
    def outputs(self) -> Sequence[str]:
        """Names of the output tensors, in their order."""

    @property
    def fixed_batch(self) -> int:
        """How many pictures it takes at once, always; 0: any number."""

    @property
    def digest(self) -> str:
        """A hash of the weights."""

    def run(self, names: Sequence[str], tensor: Float32) -> Mapping[str, Float32]:
        """At least the named outputs for a batch (b, 3, h, w) or (b, h, w, 3), in the order of `outputs`."""


class CardModel:
    """A `Predictor` where its card has an output, an `Embedder` where it has an embedding."""

    def __init__(self, card: Card, network: Network, *, min_score: float | None = None) -> None:
        self.card = card
        self._network = network
        self._classes = card.class_names()
        self._floor = min_score if min_score is not None else card.output.min_score if card.output else 0.0
        self._outputs = list(network.outputs)
        self._dimension = 0
        told = f"{network.digest}:{card.fingerprint()}:{self._floor:g}"
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
            card=card.file,
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

    def probabilities(self, batch: Sequence[Prepared]) -> Float32:
        """(n, c) of a classifier's classes. Raises ModelError for any other model."""
        if not isinstance(self.card.output, Classes):
            raise ModelError(f"{self.card.name} is no classifier", hint="its card has another decoder")
        parts = [self.card.output.probabilities(outputs) for _, _, outputs in self._runs(batch, self._outputs)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._classes)), np.float32)

    def _runs(
        self, batch: Sequence[Prepared], outputs: list[str]
    ) -> list[tuple[int, Sequence[Prepared], Mapping[str, Float32]]]:
        """The network over parts of the batch that it takes at once: of one shape, and as many as its input allows."""
        found: list[tuple[int, Sequence[Prepared], Mapping[str, Float32]]] = []
        start = 0
        while start < len(batch):
            end = start + 1
            most = self._network.fixed_batch or len(batch)
            while end < len(batch) and end - start < most and batch[end].tensor.shape == batch[start].tensor.shape:
                end += 1
            part = batch[start:end]
            tensor = np.stack([one.tensor for one in part])
            short = (self._network.fixed_batch or len(part)) - len(part)
            if short:
                tensor = np.concatenate([tensor, np.zeros((short, *tensor.shape[1:]), np.float32)])
            values = self._network.run(outputs, tensor)
            found.append((start, part, {name: value[: len(part)] for name, value in values.items()}))
            start = end
        return found

    def _size(self, one: Prepared) -> tuple[int, int]:
        shape = one.tensor.shape
        return (shape[2], shape[1]) if self.card.input.layout == "nchw" else (shape[1], shape[0])


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
