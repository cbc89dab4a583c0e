"""A view as a YOLO data set: data.yaml, labels/<split>/*.txt, and the pictures in images/<split>/."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa
import yaml

from loopline.errors import FormatError, near
from loopline.formats import _arrow
from loopline.formats._arrow import ABSENT
from loopline.formats._files import new_file, new_folder
from loopline.formats._media import split_named
from loopline.formats._place import Media, checked, place
from loopline.formats._shapes import turned_corners
from loopline.formats._unheld import count_columns
from loopline.formats._yolo_layout import UNSPLIT
from loopline.formats._yolo_read import TASKS, Task
from loopline.kernel.exchange import Exportable, Page, Written
from loopline.kernel.rle import FloatArray
from loopline.kernel.schema import LabelField

DECIMALS: Final = 10
_KINDS: Final = ("box", "polygon", "keypoint")


def write(
    what: Exportable, target: Path, *, fields: Sequence[str], task: Task | None = None, media: Media = "none"
) -> Written:
    """Write one label field as a YOLO data set.

    task    detect, segment, pose or obb. None: as the labels came, else what they hold: points, turned boxes, outlines, boxes
    media   copy the pictures into images/, link them, or leave them ("none"; YOLO's readers need them there)

    Each split has its folder. Samples without a split go to images/unsplit and are named under `splits` of data.yaml.
    Class ids are those the labels came with, else the places of the classes. The class, then the numbers with at most 10
    decimals, then the score where there is one.
    Raises FormatError for more than one field, or a kind of label that YOLO cannot hold.
    """
    if len(fields) != 1:
        raise FormatError("YOLO holds exactly one field", hint="export one field at a time")
    label_field = what.schema.field(fields[0])
    if label_field.kind not in _KINDS:
        raise FormatError(
            f'YOLO cannot hold field "{label_field.name}": {label_field.kind} labels',
            hint="export boxes, polygons or keypoints",
        )
    if task is not None and task not in TASKS:
        raise FormatError(f'task "{task}" is not known', hint=near(task, TASKS))
    chosen = task or _task_of(what, label_field)
    writer = _Writer(label_field, chosen, class_ids(label_field), _dims(label_field, chosen), checked(media))
    target.mkdir(parents=True, exist_ok=True)
    # Pictures that are there already stay unless new ones are put in their place.
    pictures = nullcontext(target / "images") if media == "none" else new_folder(target / "images")
    with new_folder(target / "labels") as labels, pictures as images:
        for page in what.pages():
            count_columns(writer.lost, page.samples, what)
            writer.page(page, labels, images)
    with new_file(target / "data.yaml") as out:
        out.write(writer.document())
    lost = {name: n for name, n in sorted(writer.lost.items()) if n}
    files = [target / "data.yaml", target / "labels", *([target / "images"] if media != "none" else [])]
    return Written(files, writer.samples, writer.objects, lost)


def class_ids(label_field: LabelField) -> dict[str, int]:
    """Class → id: the one that the labels came with, else the next free one."""
    known = label_field.meta.get("yolo", {}).get("names", {})
    ids = {name: int(code) for code, name in known.items() if name in label_field.classes}
    following = max([-1, *(int(code) for code in known)]) + 1
    for name in label_field.classes:
        if name not in ids:
            ids[name], following = following, following + 1
    return dict(sorted(ids.items(), key=lambda item: item[1]))


def _task_of(what: Exportable, label_field: LabelField) -> Task:
    stated = label_field.meta.get("yolo", {}).get("task")
    if stated in TASKS:
        return stated  # type: ignore[no-any-return]
    if label_field.kind != "box":
        return "segment" if label_field.kind == "polygon" else "pose"
    filled: Counter[str] = Counter()
    for table in what.labels(label_field.name):
        for name in ("keypoints", "rotation", "polygons"):
            if name in table.column_names:
                filled[name] += table.num_rows - table[name].null_count
    if filled["keypoints"] and label_field.keypoint_names:
        return "pose"
    return "obb" if filled["rotation"] else "segment" if filled["polygons"] else "detect"


def _dims(label_field: LabelField, task: Task) -> tuple[int, int]:
    """kpt_shape."""
    if task != "pose":
        return 0, 0
    stated = label_field.meta.get("yolo", {}).get("kpt_shape")
    if isinstance(stated, list) and len(stated) == 2:
        return int(stated[0]), int(stated[1])
    if not label_field.keypoint_names:
        raise FormatError(
            f'field "{label_field.name}" names no keypoints', hint="name them in the field, or choose another task"
        )
    return len(label_field.keypoint_names), 3


@dataclass(slots=True)
class _Writer:
    labels: LabelField
    task: Task
    ids: Mapping[str, int]
    points: tuple[int, int]
    media: Media
    lost: Counter[str] = field(default_factory=Counter)
    folders: dict[str | None, str] = field(default_factory=dict)  # split → folder
    names: set[str] = field(default_factory=set)
    samples: int = 0
    objects: int = 0

    def page(self, page: Page, labels_top: Path, images_top: Path) -> None:
        labels = page.labels[self.labels.name]
        owners = _arrow.one(labels["sample_id"]).to_numpy() if labels.num_rows else np.zeros(0, np.int64)
        samples = page.samples.select(
            [n for n in ("id", "path", "root", "width", "height", "split") if n in page.samples.column_names]
        ).to_pylist()
        sizes = {s["id"]: (s.get("width") or 0, s.get("height") or 0) for s in samples}
        size = np.array([sizes[o] for o in owners.tolist()], float).reshape(-1, 2)
        rows = self._lines(labels, size)
        by_sample: dict[int, list[str]] = {}
        for owner, row in zip(owners.tolist(), rows, strict=True):
            if row is not None:
                by_sample.setdefault(owner, []).append(row)
                self.objects += 1
        for sample in samples:
            name = self._name(sample["path"], sample.get("split"))
            file = labels_top / f"{PurePosixPath(name).with_suffix('')}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                "".join(f"{row}\n" for row in by_sample.get(sample["id"], ())), encoding="utf-8", newline="\n"
            )
            why = place(sample.get("root"), sample["path"], images_top / name, self.media)
            if why:
                self.lost[why] += 1
        self.samples += len(samples)
        self._count_lost(page)

    def _name(self, path: str, split: str | None) -> str:
        """Where a picture goes under images/, with a number where another has its stem already."""
        folder = self.folders.get(split)
        if folder is None:
            folder = base = re.sub(r"[^\w.-]+|\A\.+", "_", split) if split else UNSPLIT
            number = 2
            while folder.lower() in {f.lower() for f in self.folders.values()}:
                folder, number = f"{base}_{number}", number + 1
            self.folders[split] = folder
        parts = path.split("/")
        while len(parts) > 1 and (
            parts[0].lower() in ("images", "image", "imgs", UNSPLIT) or (split and split_named(parts[0]) == split)
            or parts[0] == folder
        ):  # fmt: skip
            parts = parts[1:]
        # Readers find labels by the last "images" in a path.
        parts = [*("pictures" if p.lower() == "images" else p for p in parts[:-1]), parts[-1]]
        pure = PurePosixPath(folder, *parts)
        stem, number = pure.with_suffix(""), 2
        while str(stem).lower() in self.names:
            stem, number = pure.with_suffix("").with_name(f"{pure.stem}_{number}"), number + 1
        self.names.add(str(stem).lower())
        return f"{stem}{pure.suffix}"

    def document(self) -> bytes:
        order = sorted(self.folders, key=lambda s: (s != "train", s != "val", s != "test", s or ""))
        usual = {s: f"images/{self.folders[s]}" for s in order if s in ("train", "val", "test")}
        more = {s or UNSPLIT: f"images/{self.folders[s]}" for s in order if s not in usual}
        out: dict[str, Any] = {"path": ".", **usual}
        if more:
            out["splits"] = more
        if self.task == "pose":
            out["kpt_shape"] = list(self.points)
            flips = self.labels.meta.get("yolo", {}).get("flip_idx")
            if flips:
                out["flip_idx"] = flips
            if any(n != str(i) for i, n in enumerate(self.labels.keypoint_names)):
                out["kpt_names"] = {code: list(self.labels.keypoint_names) for code in self.ids.values()}
        out["names"] = {code: name for name, code in self.ids.items()}
        text: str = yaml.safe_dump(out, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
        return text.encode()

    # Rows ------------------------------------------------------------------------------------------------------------

    def _lines(self, labels: pa.Table, size: FloatArray) -> list[str | None]:
        """One line of text for each row; None for one that cannot be written."""
        count = labels.num_rows
        if not count:
            return []
        columns = {n: _arrow.values(labels[n], k) for n, k in self.labels.columns().items() if n in labels.column_names}
        box = np.array([[_nan(v) for v in columns[n]] for n in "xywh"]).T
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.hstack([box[:, :2] + box[:, 2:] / 2, box[:, 2:]]) / np.tile(size, 2)
        missing = [ABSENT] * count
        outline = columns.get("polygons", columns.get("points", missing))
        turned, points = columns.get("rotation", missing), columns.get("keypoints", missing)
        scores = columns.get("score", missing)
        out: list[str | None] = []
        for i, label in enumerate(columns["label"]):
            w, h = size[i].tolist()
            if label is ABSENT or not (w and h):
                self.lost["objects without a class" if label is ABSENT else "objects of pictures of unknown size"] += 1
                out.append(None)
                continue
            if self.task == "obb":
                numbers = self._corners(box[i], outline[i], turned[i], w, h)
            elif self.task == "segment" and outline[i] is not ABSENT and outline[i]:
                numbers = self._outline(outline[i], w, h)
            else:
                numbers = shares[i].tolist()
                if self.task == "pose":
                    numbers += self._points(points[i], w, h)
            if not all(map(np.isfinite, numbers)):
                self.lost["objects without a box"] += 1
                out.append(None)
                continue
            if scores[i] is not ABSENT:
                numbers = [*numbers, scores[i]]
            out.append(f"{self.ids[label]} {' '.join(map(number_text, numbers))}")
        return out

    def _corners(self, box: FloatArray, outline: Any, turn: Any, w: float, h: float) -> list[float]:
        if outline is not ABSENT and len(outline) == 1 and len(outline[0]) == 8:
            flat = outline[0]
        else:
            x, y, bw, bh = box.tolist()
            flat = turned_corners((x, y, bw, bh), 0.0 if turn is ABSENT else turn)
        return [v / (h if i % 2 else w) for i, v in enumerate(flat)]

    def _outline(self, parts: Sequence[Sequence[float]], w: float, h: float) -> list[float]:
        parts = [p for p in parts if len(p) >= 6]
        if len(parts) > 1:
            self.lost["parts of outlines, joined by a seam"] += 1
        ring = joined(parts)
        return [v / (h if i % 2 else w) for i, v in enumerate(ring)] if ring else [float("nan")]

    def _points(self, flat: Any, w: float, h: float) -> list[float]:
        count, dims = self.points
        values = list(flat) if flat is not ABSENT else []
        values = [*values, *([0.0] * (3 * count - len(values)))][: 3 * count]
        numbers: list[float] = []
        for x, y, v in zip(values[0::3], values[1::3], values[2::3], strict=True):
            numbers += [x / w, y / h, v] if dims == 3 else [x / w, y / h]
        return numbers

    def _count_lost(self, page: Page) -> None:
        labels = page.labels[self.labels.name]
        kept = {"segment": {"polygons", "points"}, "pose": {"keypoints"}, "obb": {"rotation", "polygons"}}.get(
            self.task, set()
        )
        for name, words in (
            ("mask", "masks"),
            ("polygons", "outlines"),
            ("points", "outlines"),
            ("keypoints", "keypoints"),
            ("rotation", "turns of boxes"),
            ("track_id", "track_id"),
            ("frame", "frame"),
            ("area", "stated areas"),
            ("tags", "tags of objects"),
            *((a.name, f"attribute {a.name}") for a in self.labels.attributes),
        ):
            if name not in kept:
                self.lost[words] += _arrow.count_filled(labels, name)
        if "iscrowd" in labels.column_names:
            self.lost["crowd flags"] += sum(v is True for v in labels["iscrowd"].to_pylist())
        self.lost["tags of samples"] += _arrow.count_filled(page.samples, "tags")


def _nan(value: Any) -> float:
    return float("nan") if value is ABSENT else float(value)


def number_text(value: float) -> str:
    """At most 10 decimals, no exponent, no zeros at the end.

    >>> number_text(0.4794920000001), number_text(1.0), number_text(0.00001)
    ('0.479492', '1', '0.00001')
    """
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def joined(parts: Sequence[Sequence[float]]) -> list[float]:
    """The parts of an outline, flat x0 y0 x1 y1 ..., as one ring: each is joined to the ring before it where the two
    come nearest, by a seam that goes there and back."""
    if not parts:
        return []
    ring = np.array(parts[0], float).reshape(-1, 2)
    for part in parts[1:]:
        other = np.array(part, float).reshape(-1, 2)
        gaps = ((ring[:, None] - other[None]) ** 2).sum(axis=2)
        i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
        ring = np.concatenate([ring[: i + 1], other[j:], other[: j + 1], ring[i:]])
    flat: list[float] = ring.ravel().tolist()
    return flat
