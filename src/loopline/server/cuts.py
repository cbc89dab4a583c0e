"""Pictures that are neither a sample's thumbnail nor its file: objects cut out of their pictures, strips of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from loopline.errors import BadValue, MediaError
from loopline.kernel.schema import GEOMETRIC
from loopline.media.crops import Box, crops, crops_of
from loopline.media.stills import frame_at, strip
from loopline.server.library import Shown
from loopline.server.pictures import Pictures, Reference, record

_COLUMNS: Final = ("id", "sample_id", "x", "y", "w", "h", "sample.width", "sample.height")
Cut: TypeAlias = tuple[int, Box]
"""Id of an object, and its box."""


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
    groups: dict[tuple[int, int | None], list[dict[str, float]]] = {}
    for row in sorted(rows, key=lambda row: place[row["id"]]):
        groups.setdefault((row["sample_id"], row["frame"]), []).append(row)
    places = pictures.references([sample for sample, _ in groups])
    return pictures.ahead(
        partial(_group, pictures, places.get(sample), frame, found, size) for (sample, frame), found in groups.items()
    )


def _group(
    pictures: Pictures, place: Reference | None, frame: int | None, rows: Sequence[dict[str, float]], size: int
) -> bytes:
    """The objects of one picture: it is decoded once, and only where one of them is not kept yet."""
    made: dict[int, bytes] = {}
    boxes: dict[int, Box] = {
        int(row["id"]): (row["x"] or 0.0, row["y"] or 0.0, row["w"] or 0.0, row["h"] or 0.0) for row in rows
    }
    width, height = rows[0]["sample.width"] or 1, rows[0]["sample.height"] or 1

    def one(key: int) -> bytes:
        if place is None:
            raise MediaError("its sample is gone")
        name = f"{place.key}|{frame}|{','.join(f'{v:.2f}' for v in boxes[key])}"
        return pictures.kept(name, size, lambda: make(place)[key])

    def make(place: Reference) -> dict[int, bytes]:
        if not made:
            found = _cut(pictures, place, frame, list(boxes.values()), size, width, height)
            made.update(zip(boxes, found, strict=True))
        return made

    return b"".join(record(key, partial(one, key)) for key in boxes)


def _cut(
    pictures: Pictures,
    place: Reference,
    frame: int | None,
    boxes: Sequence[Box],
    size: int,
    width: float,
    height: float,
) -> list[bytes]:
    if place.media != "video":
        with pictures.open(place) as file:
            return crops(file, boxes, size, width, height)
    times = pictures.film(place).times
    time_s = float(times[min(max(frame or 0, 0), len(times) - 1)]) if len(times) else 0.0
    return crops_of(frame_at(pictures.local(place), time_s), boxes, size, width, height)


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
