"""Labelled aerial photographs for the demo: real ones from the package `deepforest`, or drawn ones.

The wheel of `deepforest` (MIT licence) holds four photographs from the air with 951 hand-drawn boxes around trees, as
Pascal VOC. It is only looked into: nothing of it is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from loopline.errors import FormatError

HOW_TO_GET: Final = "pip install --no-deps deepforest==2.1.0   (or: make demo, which does it)"

_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture with boxes.

    xyxy    (n, 4) float64, pixels
    labels  n classes
    """

    name: str
    picture: Image.Image
    xyxy: npt.NDArray[np.float64]
    labels: tuple[str, ...]


def find(folder: Path | None = None) -> list[Photograph]:
    """The labelled photographs in `folder`, by default in the data of `deepforest`; empty where that is not installed.

    Raises FormatError for a folder without any.
    """
    place = folder if folder is not None else _package_data()
    if place is None:
        return []
    found = [photograph for xml in sorted(place.glob("*.xml")) if (photograph := _read(xml)) is not None]
    if not found and folder is not None:
        raise FormatError("no pictures with Pascal VOC files beside them", where=str(folder), hint=HOW_TO_GET)
    return found


def _package_data() -> Path | None:
    spec = find_spec("deepforest")  # does not import it
    return Path(spec.origin).parent / "data" if spec and spec.origin else None


def _read(xml: Path) -> Photograph | None:
    picture = next((p for suffix in (".png", ".jpg", ".jpeg", ".tif") if (p := xml.with_suffix(suffix)).exists()), None)
    if picture is None:
        return None
    objects = ET.parse(xml).getroot().findall("object")
    boxes = [[float(o.findtext(f"bndbox/{corner}", "0")) for corner in _CORNERS] for o in objects]
    labels = tuple(o.findtext("name", "") for o in objects)
    name = xml.stem.replace(" ", "_")
    with Image.open(picture) as opened:
        return Photograph(name, opened.convert("RGB"), np.array(boxes, np.float64).reshape(-1, 4), labels)


def drawn(
    rng: np.random.Generator, *, sizes: Sequence[tuple[int, int]] = ((1300, 1000), (1000, 700), (400, 400))
) -> list[Photograph]:
    """Photographs that were never taken: round crowns, some of them dead, on dry ground."""
    last = len(sizes)  # its labels follow another rule, as in the real ones
    return [
        _draw(rng, f"drawn_{number}", size, "Alive" if number == last else "Tree")
        for number, size in enumerate(sizes, 1)
    ]


def _draw(rng: np.random.Generator, name: str, size: tuple[int, int], living: str) -> Photograph:
    width, height = size
    ground = rng.normal((150, 130, 95), 14, (height // 8 + 1, width // 8 + 1, 3)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    boxes: list[tuple[float, float, float, float]] = []
    labels: list[str] = []
    for _ in range(width * height // 5000):
        # Trees stand to one side, so that some tiles stay empty; a few are as small as bushes.
        x, y = width * rng.beta(1.1, 3.0), height * rng.random()
        across = max(5.0, rng.lognormal(3.2, 0.5))
        box = (max(0, x - across / 2), max(0, y - across / 2), min(width, x + across / 2), min(height, y + across / 2))
        dead = rng.random() < 0.1
        red, green, blue = (120, 110, 100) if dead else (45, 85, 35)
        shade = int(rng.integers(-12, 13))
        pen.ellipse((box[0] + 3, box[1] + 4, box[2] + 3, box[3] + 4), fill=(70, 60, 45))
        pen.ellipse(box, fill=(red + shade, green + shade, blue + shade))
        boxes.append(tuple(round(v, 1) for v in box))  # type: ignore[arg-type]  # four in, four out
        labels.append("Dead" if dead else living)
    soft = picture.filter(ImageFilter.GaussianBlur(1))
    return Photograph(name, soft, np.array(boxes, np.float64).reshape(-1, 4), tuple(labels))
