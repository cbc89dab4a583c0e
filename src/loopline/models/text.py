"""Words as vectors, by the text half of a pair that a card's [text] describes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loopline.errors import ModelError
from loopline.models.card import Card, TextInput
from loopline.models.carded import unit
from loopline.models.onnx import OnnxModel, session_of
from loopline.models.protocol import Float32, f32
from loopline.models.tokens import read_tokenizer

if TYPE_CHECKING:
    import onnxruntime as ort

_AT_ONCE = 64
_LONGEST = 512  # tokens, where neither card nor network says


class TextTower:
    """A text network with its tokenizer. Raises MissingDependency, ModelError."""

    def __init__(self, spec: TextInput, weights: Path, tokenizer: Path, *, name: str, threads: int | None = None):
        self._spec, self._name = spec, name
        self._tokenizer = read_tokenizer(tokenizer)
        self._session, network = session_of(weights, sha256=spec.sha256, threads=threads)
        told = f"{network}:{hashlib.sha256(tokenizer.read_bytes()).hexdigest()}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()
        self._most = _fixed_length(self._session) or spec.tokens
        names = [one.name for one in self._session.get_outputs()]
        self._output = spec.tensor or names[0]
        if self._output not in names:
            raise ModelError(
                f'no output "{self._output}"', where=f"{name}: [text]", hint=f"there are {', '.join(names)}"
            )

    def embed(self, texts: Sequence[str]) -> Float32:
        """(n, d), each of length 1."""
        parts = [self._some(texts[i : i + _AT_ONCE]) for i in range(0, len(texts), _AT_ONCE)]
        return unit(np.concatenate(parts)) if parts else np.zeros((0, 0), np.float32)

    def _some(self, texts: Sequence[str]) -> Float32:
        coded = [self._tokenizer.encode(text, self._most or _LONGEST) for text in texts]
        length = self._most or max(len(one) for one in coded)
        ids = np.full((len(coded), length), self._spec.pad, np.int64)
        mask = np.zeros((len(coded), length), np.int64)
        for row, one in enumerate(coded):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        values = f32(self._session.run([self._output], self._feeds(ids, mask))[0])
        if values.ndim == 2:
            return values
        if values.ndim != 3:
            raise ModelError(f"a text has an output of {values.ndim} axes", where=f"{self._name}: [text]")
        if self._spec.pool == "first":
            return f32(values[:, 0])
        weight = f32(mask[:, : values.shape[1], None])
        return f32((values * weight).sum(axis=1) / weight.sum(axis=1))

    def _feeds(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.integer]]:
        """Inputs by what their names say: the numbers, which of them count, of which of two sentences they are."""
        feeds: dict[str, npt.NDArray[np.integer]] = {}
        for one in self._session.get_inputs():
            low = one.name.lower()
            values = mask if "mask" in low else np.zeros_like(ids) if "type" in low or "segment" in low else ids
            feeds[one.name] = values.astype(np.int32 if one.type == "tensor(int32)" else np.int64)
        return feeds


def _fixed_length(session: ort.InferenceSession) -> int:
    shape = session.get_inputs()[0].shape
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 0


class PairModel(OnnxModel):
    """A card's pair of networks: pictures and words in one space, as CLIP."""

    def __init__(
        self,
        card: Card,
        weights: Path,
        tower: TextTower,
        *,
        min_score: float | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(card, weights, min_score=min_score, threads=threads)
        self._tower = tower

    def embed_text(self, texts: Sequence[str]) -> Float32:
        template = self.card.text.template if self.card.text else "{}"
        vectors = self._tower.embed([template.replace("{}", text) for text in texts])
        if vectors.shape[1] != self.dimension:
            raise ModelError(
                f"words have {vectors.shape[1]} numbers and pictures {self.dimension}",
                where=f"{self.card.name}: [text]",
                hint="name the projected output of each half as its tensor",
            )
        return vectors
