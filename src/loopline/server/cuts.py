"""Pictures that are neither a sample's thumbnail nor its file: objects cut out of their pictures, strips of a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from loopline.errors import BadValue, MediaError
from loopline.kernel.schema import GEOMETRIC
from loopline.media.crops import Box, crops, crops_of
from loopline.media.stills import frames_from, strip
from loopline.server.library import Shown
from loopline.server.pictures import Pictures, Reference, record

_COLUMNS: Final = ("id", "sample_id", "x", "y", "w", "h", "sample.width", "sample.height")
_SPAN: Final = 120  # frames of a video that are decoded in one go
_AT_ONCE: Final = 32  # of those, held as pictures


class Cut(NamedTuple):
    """What is cut out of which frame; of a picture, frame 0."""

    frame: int
    box: Box


def object_crops(
    shown: Shown, pictures: Pictures, field: str, ids: Sequence[int], size: int, snapshot: int | None
) -> Iterator[bytes]:
    """A record for each object, as `Pictures.thumbnails` has them; those of one picture one after another.

    Raises BadValue for a field whose labels have no place on the picture.
    """
    at = shown.at(snapshot)
    kind = shown.lake.schema(at).field(field).kind
    if kind not in GEOMETRIC:
        raise BadValue(f'field "{field}" holds {kind} labels, which are of whole pictures', hint="ask for thumbnails")
    rows = shown.view(at).objects(field).select(ids).to_arrow([*_COLUMNS, "frame"]).to_pylist()
    place = {one: n for n, one in enumerate(ids)}
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: place[row["id"]]):
        groups.setdefault(row["sample_id"], []).append(row)
    places = pictures.references(list(groups))
    return pictures.ahead(
        partial(_group, pictures, places.get(sample), found, size) for sample, found in groups.items()
    )


def _group(pictures: Pictures, place: Reference | None, rows: Sequence[dict[str, Any]], size: int) -> bytes:
    """The objects of one sample: it is decoded once, and only where one of them is not kept yet."""
    made: dict[int, bytes] = {}
    cuts = {
        row["id"]: Cut(row["frame"] or 0, (row["x"] or 0.0, row["y"] or 0.0, row["w"] or 0.0, row["h"] or 0.0))
        for row in rows
    }
    width, height = rows[0]["sample.width"] or 1, rows[0]["sample.height"] or 1

    def one(key: int) -> bytes:
        if place is None:
            raise MediaError("its sample is gone")
        return pictures.kept(_name(place, cuts[key]), size, lambda: make(place, key))

    def make(place: Reference, key: int) -> bytes:
        if not made and place.media != "video":
            with pictures.open(place) as file:
                found = crops(file, [cut.box for cut in cuts.values()], size, width, height)
            made.update(zip(cuts, found, strict=True))
        if key not in made:
            made.update(_filmed(pictures, place, cuts, cuts[key].frame, size, width, height))
        if key not in made:
            raise MediaError(f"has no frame {cuts[key].frame}")
        return made[key]

    return b"".join(record(key, partial(one, key)) for key in cuts)


def _name(place: Reference, cut: Cut) -> str:
    return f"{place.key}|{cut.frame}|{','.join(f'{v:.2f}' for v in cut.box)}"


def _filmed(
    pictures: Pictures, place: Reference, cuts: Mapping[int, Cut], first: int, size: int, width: float, height: float
) -> dict[int, bytes]:
    """The crops on the frames from `first` on, as far as one process decodes them in a moment."""
    times = pictures.film(place).times
    near = sorted({cut.frame for cut in cuts.values() if first <= cut.frame < first + _SPAN})[:_AT_ONCE]
    # Halfway after the frame before: a rounded time of the frame itself may lie after it.
    start = float(times[first - 1] + times[first]) / 2 if 0 < first < len(times) else 0.0
    if first >= len(times):
        return {}
    frames = frames_from(pictures.local(place), start, [frame - first for frame in near])
    found: dict[int, bytes] = {}
    for frame, picture in zip(near, frames, strict=False):
        keys = [key for key, cut in cuts.items() if cut.frame == frame]
        found |= zip(keys, crops_of(picture, [cuts[key].box for key in keys], size, width, height), strict=True)
    return found


def video_strip(pictures: Pictures, sample_id: int, count: int, size: int) -> bytes:
    """One record: `count` frames spread over a video, side by side, or why there are none. Raises NotThere."""
    place = pictures.reference(sample_id)

    def jpeg() -> bytes:
        times = pictures.film(place).times
        if not len(times):
            raise MediaError("has no frames")
        at = np.linspace(0, len(times) - 1, 2 * count + 1)[1::2]  # the middle of each part
        return pictures.kept(
            f"{place.key}|strip {count}",
            size,
            lambda: strip(pictures.local(place), times[at.astype(int)].tolist(), size),
        )

    return record(sample_id, jpeg)
