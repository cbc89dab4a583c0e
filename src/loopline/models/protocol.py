"""What a model is to Loopline: a batch of pictures in, columns out.

Two steps, so that the work can overlap: `prepare` makes one picture ready (resizing, numbers) in any of several
threads, and `predict` or `embed` takes a batch of what was prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.kernel.schema import FieldKind

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, turned as its EXIF orientation says.

    rgb            (h, w, 3) uint8; may be smaller than the picture, by 2, 4 or 8, where a model wants no more
    width, height  pixels of the whole picture: the frame of its labels
    """

    rgb: UInt8
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class About:
    """What a model says of itself.

    fingerprint     changes when the weights or what is done with them change; runs with another one are another model
    kind            of the label field that it fills; None: it only makes embeddings
    decode_px       (w, h): pictures may be decoded at an eighth, a quarter or half of their size as long as they stay at
                    least this big; None: whole
    """

    name: str
    fingerprint: str
    kind: FieldKind | None = None
    classes: tuple[str, ...] = ()
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    batch_size: int = 8
    decode_px: tuple[int, int] | None = None
    licence: str = ""
    source: str = ""
    card: str = ""  # the file that describes it, to find it again; "": its name is enough


@runtime_checkable
class Predictor(Protocol):
    """Finds labels."""

    @property
    def about(self) -> About: ...

    def prepare(self, picture: Picture) -> Any:
        """One picture as the model takes it. Called from several threads."""

    def predict(self, batch: Sequence[Any]) -> pa.Table:
        """Labels of a batch of what `prepare` made, by one thread at a time.

        `place` (int64): index in the batch · `label`, `score` and the columns of the kind, in pixels of the picture
        (see `kernel.schema.LABEL_COLUMNS`). Rows by place; nothing found: no row.
        """


@runtime_checkable
class Embedder(Protocol):
    """Turns pictures into vectors that are near for pictures that look alike."""

    @property
    def about(self) -> About: ...

    @property
    def dimension(self) -> int: ...

    @property
    def normalised(self) -> bool:
        """Every vector has length 1."""

    def prepare(self, picture: Picture) -> Any:
        """As `Predictor.prepare`."""

    def embed(self, batch: Sequence[Any]) -> Float32:
        """(n, dimension) of n prepared pictures."""


@runtime_checkable
class TextEmbedder(Protocol):
    """An embedder that gives words vectors among those of pictures."""

    def embed_text(self, texts: Sequence[str]) -> Float32:
        """(n, dimension) of n texts."""


def predict_pictures(model: Predictor, pictures: Sequence[Picture]) -> pa.Table:
    """Labels of pictures in memory."""
    return model.predict([model.prepare(picture) for picture in pictures])


def embed_pictures(model: Embedder, pictures: Sequence[Picture]) -> Float32:
    """(n, dimension) vectors of pictures in memory."""
    return model.embed([model.prepare(picture) for picture in pictures])


def f32(values: npt.ArrayLike) -> Float32:
    """Values as a float32 array."""
    return np.asarray(values, np.float32)
