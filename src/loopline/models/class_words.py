"""Pictures and words in one space without a network that was trained for it: a classifier, and a network for sentences.

A picture's vector is the sum of those of its likeliest classes' names, each weighing as much as it is likely. So it finds
what the classes come near to, and nothing else: no colours, no counts, no places.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa

from loopline.models.card import TextInput
from loopline.models.carded import CardModel, unit
from loopline.models.inputs import Prepared
from loopline.models.pictures import crop
from loopline.models.protocol import About, Float32, Picture, f32
from loopline.models.text import TextTower


class ClassWords:
    """A `TextEmbedder`, an `Embedder`, and the classifier's `Predictor`."""

    def __init__(self, classifier: CardModel, tower: TextTower, spec: TextInput) -> None:
        self._classifier, self._tower, self._spec = classifier, tower, spec
        told = f"{classifier.about.fingerprint}:{tower.digest}:{spec.template}:{spec.top}:{spec.crops}"
        self._about = dataclasses.replace(
            classifier.about, fingerprint=hashlib.sha256(told.encode()).hexdigest()[:16], batch_size=4
        )

    @property
    def about(self) -> About:
        return self._about

    @property
    def normalised(self) -> bool:
        return True

    @cached_property
    def dimension(self) -> int:
        """Of one word, which is quicker to ask for than all names of the classes."""
        return int(self._tower.embed(["word"]).shape[1])

    @cached_property
    def _words(self) -> Float32:
        """(c, d) of the names of the classes."""
        return self._tower.embed([self._spec.template.replace("{}", name) for name in self._about.classes])

    def prepare(self, picture: Picture) -> tuple[Prepared, ...]:
        """The whole picture, then squares of its height (or width) from its one end to the other."""
        w, h = picture.width, picture.height
        side, room, count = min(w, h), abs(w - h), self._spec.crops
        steps = [room * i / max(count - 1, 1) for i in range(count)]
        parts = [crop(picture, step if w > h else 0, 0 if w > h else step, side, side) for step in steps]
        return tuple(self._classifier.prepare(part) for part in (picture, *parts))

    def predict(self, batch: Sequence[tuple[Prepared, ...]]) -> pa.Table:
        return self._classifier.predict([parts[0] for parts in batch])

    def embed(self, batch: Sequence[tuple[Prepared, ...]]) -> Float32:
        if not batch:
            return np.zeros((0, self.dimension), np.float32)
        likely = self._classifier.probabilities([part for parts in batch for part in parts])
        share = likely.reshape(len(batch), -1, likely.shape[1]).mean(axis=1)
        if share.shape[1] > self._spec.top:
            floor = -np.partition(-share, self._spec.top - 1, axis=1)[:, self._spec.top - 1 : self._spec.top]
            share = np.where(share >= floor, share, 0)
        return unit(f32(share @ self._words))

    def embed_text(self, texts: Sequence[str]) -> Float32:
        return self._tower.embed(texts)
