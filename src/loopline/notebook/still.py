"""A still picture of a view: what a saved notebook shows where no kernel runs."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from loopline.notebook.inprocess import InProcess
from loopline.server.frames import Column, read_frame
from loopline.server.pictures import PICTURE, read_records

MOST: Final = 24
WIDTH: Final = 960
ROW: Final = 148
GAP: Final = 4
_GROUND: Final = (22, 24, 29)
_PLACE: Final = (38, 41, 48)
_CASING: Final = (8, 10, 14)
_NO_COLOUR: Final = "#9aa4b2"


def contact_sheet(app: InProcess, name: str, spec: Mapping[str, object]) -> bytes | None:
    """The first 24 rows of a view with their boxes, as a JPEG 960 pixels wide; None where there is nothing to show."""
    at = f"/api/d/{quote(name, safe='')}"
    found = app.ask("POST", f"{at}/page", msgspec.json.encode({"view": spec, "offset": 0, "count": MOST}))
    about = app.ask("GET", at)
    if found.status >= 300 or about.status >= 300:
        return None
    page = read_frame(found.body)[1]
    ids = [int(one) for one in page["id"]]
    if not ids:
        return None
    colours = {field["name"]: field["colors"] for field in msgspec.json.decode(about.body)["fields"]}
    asked = msgspec.json.encode({"ids": list(dict.fromkeys(ids)), "size": 256})
    pictures = _pictures(app.ask("POST", f"{at}/thumbs", asked).body)
    crops = page["object.box"].reshape(-1, 4).astype(np.float64) / 65535 if "object.box" in page else None
    tiles = []
    for row, sample in enumerate(ids):
        picture = pictures.get(sample)
        if picture is None:
            ratio = page["width"][row] / max(1, page["height"][row]) if page["width"][row] else 1.0
            tiles.append(Image.new("RGB", (max(24, round(ROW * min(ratio, 4.0))), ROW), _PLACE))
        else:
            picture = picture.copy()
            _draw(picture, page, row, colours)
            tiles.append(picture if crops is None else _cut(picture, crops[row]))
    return _sheet(tiles)


def _pictures(records: bytes) -> dict[int, Image.Image]:
    """Sample to thumbnail, from the stream of thumbnails; those that could not be made are left out."""
    found = ((one, body) for one, kind, body in read_records(records) if kind == PICTURE)
    return {one: Image.open(io.BytesIO(body)).convert("RGB") for one, body in found}


def _draw(picture: Image.Image, page: Mapping[str, Column], row: int, colours: Mapping[str, Sequence[str]]) -> None:
    """The boxes of every field on a sample, in the colours of their classes; scored ones with a thinner line."""
    pen = ImageDraw.Draw(picture)
    size = np.array([picture.width, picture.height] * 2) - 1
    for field, own in colours.items():
        if f"{field}.box" not in page:
            continue
        mine = np.flatnonzero(page[f"{field}.sample"] == row)
        boxes = np.rint(page[f"{field}.box"].reshape(-1, 4)[mine].astype(np.float64) / 65535 * size).astype(int)
        scores = page[f"{field}.score"][mine]
        for box, code, score in zip(
            boxes.tolist(), page[f"{field}.class"][mine].tolist(), scores.tolist(), strict=True
        ):
            colour = own[code] if code < len(own) else _NO_COLOUR
            if box[2] > box[0] and box[3] > box[1]:
                pen.rectangle(box, outline=_CASING, width=3)
                pen.rectangle(box, outline=colour, width=2 if score != score else 1)


def _cut(picture: Image.Image, box: npt.NDArray[np.float64]) -> Image.Image:
    """An object with a tenth of its size around it."""
    x0, y0, x1, y1 = (box * np.array([picture.width, picture.height] * 2)).tolist()
    around = 0.1 * max(x1 - x0, y1 - y0) + 2
    place = (
        max(0, x0 - around),
        max(0, y0 - around),
        min(picture.width, x1 + around),
        min(picture.height, y1 + around),
    )
    left, top, right, bottom = (round(side) for side in place)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _sheet(tiles: Sequence[Image.Image]) -> bytes:
    """Rows that fill the width, each with its tiles at one height; the last one keeps the usual height."""
    rows: list[tuple[int, list[Image.Image]]] = []
    row: list[Image.Image] = []
    for tile in tiles:
        row.append(tile)
        wide = sum(one.width / one.height for one in row)
        room = WIDTH - GAP * (len(row) + 1)
        if wide * ROW >= room:
            rows.append((max(1, int(room / wide)), row))
            row = []
    if row:
        rows.append((ROW, row))
    sheet = Image.new("RGB", (WIDTH, GAP + sum(high + GAP for high, _ in rows)), _GROUND)
    top = GAP
    for high, row in rows:
        left = GAP
        for tile in row:
            wide_px = max(1, round(high * tile.width / tile.height))
            sheet.paste(tile.resize((wide_px, high), Image.Resampling.LANCZOS), (left, top))
            left += wide_px + GAP
        top += high + GAP
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()
