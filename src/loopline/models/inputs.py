"""From a picture to the numbers a network takes, and from its pixels back to the picture's."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from loopline.models.protocol import Float32, Picture, UInt8, f32

Resize = Literal["stretch", "letterbox", "corner", "short_side_crop", "pad"]
"""How a picture becomes width × height:
stretch           both sides to size, whatever the aspect
letterbox         as big as fits, in the middle, the rest `pad_value` (YOLO)
corner            as big as fits, at the left top
short_side_crop   the short side to `short_side` (default: the size), then the middle cut out (classifiers)
pad               not resized (only where a side is above `width`, `height` and these are not 0); padded right and below
                  to a multiple of `multiple_of`"""

_FILTERS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[input]` of a card: value = (pixel − mean) / std, channel by channel in `colour` order, pixels 0 … 255."""

    name: str = ""  # of the tensor; "": the first
    width: int = 0
    height: int = 0
    resize: Resize = "stretch"
    filter: Literal["bilinear", "area", "bicubic", "lanczos", "linear"] = (
        "bilinear"  # linear: of four pixels, as OpenCV
    )
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    layout: Literal["nchw", "nhwc"] = "nchw"
    pad_value: int = 114
    short_side: int = 0
    multiple_of: int = 32

    def fault(self) -> str:
        """What is wrong with it; "" if nothing."""
        if self.resize != "pad" and min(self.width, self.height) < 1:
            return f"a {self.resize} needs width and height"
        if len(self.mean) not in (1, 3) or len(self.std) not in (1, 3) or 0 in self.std:
            return "mean and std are one or three numbers, std not 0"
        return ""

    @property
    def decode_px(self) -> tuple[int, int] | None:
        """How big a picture has to be decoded at least."""
        if self.resize == "pad":
            return None
        return max(self.width, self.short_side), max(self.height, self.short_side)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the picture lies in the tensor: tensor px = picture px · scale + offset."""

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    width: int  # of the picture
    height: int

    def picture_from_tensor(self, xy: Float32) -> Float32:
        """(..., 2) points, cut off at the picture's edge."""
        out = (xy - f32([self.offset_x, self.offset_y])) / f32([self.scale_x, self.scale_y])
        limits = f32([self.width, self.height])
        return f32(np.clip(out, 0, limits))


@dataclass(frozen=True, slots=True)
class Prepared:
    """One picture as a tensor (3, h, w) or (h, w, 3) float32, and where it lies in it."""

    tensor: Float32
    placement: Placement


def prepare(picture: Picture, spec: Input) -> Prepared:
    """Resize, reorder, normalise."""
    pixels, placement = _placed(picture, spec)
    return Prepared(_numbers(pixels, spec), placement)


def _placed(picture: Picture, spec: Input) -> tuple[UInt8, Placement]:
    pw, ph = picture.width, picture.height
    width, height = spec.width, spec.height
    if spec.resize == "stretch":
        return _resized(picture.rgb, width, height, spec), Placement(width / pw, height / ph, 0, 0, pw, ph)
    if spec.resize == "short_side_crop":
        scale = (spec.short_side or min(width, height)) / min(pw, ph)
        scale = max(scale, width / pw, height / ph)
        w, h = round(pw * scale), round(ph * scale)
        left, top = (w - width) // 2, (h - height) // 2
        whole = _resized(picture.rgb, w, h, spec)
        return whole[top : top + height, left : left + width], Placement(w / pw, h / ph, -left, -top, pw, ph)
    if spec.resize == "pad":
        scale = min(1.0, width / pw if width else 1.0, height / ph if height else 1.0)
        w, h = max(1, round(pw * scale)), max(1, round(ph * scale))
        width, height = -(-w // spec.multiple_of) * spec.multiple_of, -(-h // spec.multiple_of) * spec.multiple_of
    else:
        scale = min(width / pw, height / ph)
        w, h = max(1, round(pw * scale)), max(1, round(ph * scale))
    left, top = ((width - w) // 2, (height - h) // 2) if spec.resize == "letterbox" else (0, 0)
    canvas = np.full((height, width, 3), spec.pad_value, np.uint8)
    canvas[top : top + h, left : left + w] = _resized(picture.rgb, w, h, spec)
    return canvas, Placement(w / pw, h / ph, left, top, pw, ph)


def _resized(rgb: UInt8, width: int, height: int, spec: Input) -> UInt8:
    high, wide = rgb.shape[:2]
    if (wide, high) == (width, height):
        return rgb
    if spec.filter in ("linear", "area"):
        area = spec.filter == "area" and wide >= width and high >= height
        quick = _opencv()
        if quick is not None:
            return np.asarray(
                quick.resize(rgb, (width, height), interpolation=quick.INTER_AREA if area else quick.INTER_LINEAR)
            )
        return _mean_of_area(rgb, width, height) if area else _of_four(rgb, width, height)
    return np.asarray(Image.fromarray(rgb).resize((width, height), _FILTERS[spec.filter]))


@lru_cache(maxsize=1)
def _opencv() -> ModuleType | None:
    """OpenCV where it is installed: the same pixels (but for rounding) ten times as fast."""
    try:
        return importlib.import_module("cv2")
    except ImportError:
        return None


def _of_four(rgb: UInt8, width: int, height: int) -> UInt8:
    """Linear between the four nearest pixels whatever the scale, as OpenCV's INTER_LINEAR does it, with which many
    detectors were trained; Pillow's "bilinear" takes the weighted mean of all pixels that fall together."""
    high, wide = rgb.shape[:2]
    shrink = (wide / width, 0, 0, 0, high / height, 0)
    image = Image.fromarray(rgb)
    return np.asarray(image.transform((width, height), Image.Transform.AFFINE, shrink, Image.Resampling.BILINEAR))


def _mean_of_area(rgb: UInt8, width: int, height: int) -> UInt8:
    """The mean of what each new pixel covers, parts of old pixels counted as such, as OpenCV's INTER_AREA does it."""
    rows, weights = _cover(rgb.shape[0], height)
    tall = np.zeros((height, *rgb.shape[1:]), np.float32)
    for row, weight in zip(rows, weights, strict=True):
        tall += np.multiply(rgb[row], weight[:, None, None], dtype=np.float32)
    columns, weights = _cover(rgb.shape[1], width)
    out = np.full((height, width, 3), 0.5, np.float32)  # rounds
    for column, weight in zip(columns, weights, strict=True):
        out += np.take(tall, column, axis=1) * weight[:, None]
    return out.astype(np.uint8)


@lru_cache(maxsize=64)
def _cover(before: int, after: int) -> tuple[npt.NDArray[np.intp], Float32]:
    """(k, after) each: the old pixels under each new one, and the share that each has of it."""
    edges = np.arange(after + 1) * (before / after)
    count = int(np.ceil(before / after)) + 1
    index = np.floor(edges[:-1]).astype(np.intp) + np.arange(count)[:, None]
    shared = np.minimum(index + 1, edges[1:]) - np.maximum(index, edges[:-1])
    weights = np.clip(shared, 0, None) * (after / before)
    return np.minimum(index, before - 1), f32(weights)


def _numbers(pixels: UInt8, spec: Input) -> Float32:
    mean = np.broadcast_to(f32(spec.mean), 3)
    std = np.broadcast_to(f32(spec.std), 3)
    order = (0, 1, 2) if spec.colour == "rgb" else (2, 1, 0)
    high, wide = pixels.shape[:2]
    shape = (3, high, wide) if spec.layout == "nchw" else (high, wide, 3)
    out = np.empty(shape, np.float32)
    for to, channel in enumerate(order):
        plane = out[to] if spec.layout == "nchw" else out[:, :, to]
        np.subtract(pixels[:, :, channel], mean[to], out=plane, dtype=np.float32)
        plane *= f32(1.0) / std[to]
    return out
