"""An embedder that needs no model and no extra: colour, coarse layout, edges. Good for "looks much the same".

colour  soft histograms of grey, of weak and of strong hues, over the whole picture
layout  the low frequencies (DCT) of a small copy, of grey and of two colour differences
edges   directions of the gradients in sixteen cells
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from loopline.models.protocol import About, Float32, Picture, f32

_SIDE: Final = 64
_GREYS: Final = 16
_HUES: Final = 12
_DIRECTIONS: Final = 9
_CELLS: Final = 4
_LOW: Final = 6  # frequencies kept, each way

DIMENSION: Final = _GREYS + 2 * _HUES + 3 * _LOW * _LOW + _CELLS * _CELLS * _DIRECTIONS


class Histogram:
    """The `Embedder` named "histogram"."""

    @property
    def about(self) -> About:
        return About("histogram", "histogram-1", batch_size=64, decode_px=(_SIDE, _SIDE), licence="Apache-2.0")

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def normalised(self) -> bool:
        return True

    def prepare(self, picture: Picture) -> Float32:
        """(64, 64, 3) in 0 … 1."""
        small = Image.fromarray(picture.rgb).resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
        return f32(f32(np.asarray(small)) / 255)

    def embed(self, batch: Sequence[Float32]) -> Float32:
        rgb = np.stack(batch)
        grey = rgb @ f32([0.299, 0.587, 0.114])
        blue, red = rgb[..., 2] - grey, rgb[..., 0] - grey
        parts = [_greys(grey), *_hues(blue, red), *_layout(grey, blue, red), _edges(grey)]
        # Each part weighs the same, whatever its numbers are: their share of the dot product is fixed.
        weights = [0.6, 0.5, 0.5, 1.0, 0.8, 0.8]
        scaled = [weight * _unit(part) for weight, part in zip(weights, parts, strict=True)]
        return _unit(np.concatenate(scaled, axis=1))


def _unit(rows: Float32) -> Float32:
    return f32(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))


def _counted(bins: np.ndarray[tuple[int, ...], np.dtype[np.int64]], weights: Float32, count: int) -> Float32:
    """(b, count): sum of the weights by bin, for each picture."""
    flat = bins.reshape(len(bins), -1) + np.arange(len(bins))[:, None] * count
    found = np.bincount(flat.ravel(), weights.ravel(), len(bins) * count)
    return f32(found.reshape(len(bins), count))


def _greys(grey: Float32) -> Float32:
    at = grey * (_GREYS - 1)
    low = np.minimum(at.astype(np.int64), _GREYS - 2)
    share = f32(at - low)
    counted = _counted(low, 1 - share, _GREYS) + _counted(low + 1, share, _GREYS)
    return f32(np.sqrt(counted))


def _hues(blue: Float32, red: Float32) -> tuple[Float32, Float32]:
    """Of the weak and of the strong colours, each weighed by its strength."""
    strength = np.hypot(blue, red)
    at = (np.arctan2(red, blue) / (2 * np.pi) + 0.5) * _HUES
    low = at.astype(np.int64) % _HUES
    share = f32(at - np.floor(at))
    found = []
    for mask in (strength < 0.15, strength >= 0.15):
        weight = f32(strength * mask)
        both = _counted(low, weight * (1 - share), _HUES) + _counted((low + 1) % _HUES, weight * share, _HUES)
        found.append(f32(np.sqrt(both + 1e-3)))
    return found[0], found[1]


def _layout(grey: Float32, blue: Float32, red: Float32) -> tuple[Float32, Float32]:
    frequency, place = np.meshgrid(np.arange(_LOW), np.arange(_SIDE), indexing="ij")
    basis = f32(np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)) / _SIDE)
    planes = [(basis @ plane @ basis.T).reshape(len(plane), -1) for plane in (grey, blue, red)]
    colours = np.concatenate([planes[1], planes[2], planes[0][:, :1]], axis=1)
    return f32(planes[0][:, 1:]), f32(colours)


def _edges(grey: Float32) -> Float32:
    dy, dx = np.gradient(grey, axis=(1, 2))
    at = (np.arctan2(dy, dx) / np.pi % 1.0) * _DIRECTIONS
    direction = np.minimum(at.astype(np.int64), _DIRECTIONS - 1)
    cell = np.arange(_SIDE) * _CELLS // _SIDE
    bins = (cell[:, None] * _CELLS + cell[None, :])[None] * _DIRECTIONS + direction
    return f32(np.sqrt(_counted(bins, f32(np.hypot(dx, dy)), _CELLS * _CELLS * _DIRECTIONS)))
