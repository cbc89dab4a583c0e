"""A view as a FiftyOneDataset: metadata.json, samples.json, frames.json for videos, and the pictures in data/."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np

from loopline.formats._fiftyone import FRAMES, HOUSE, LABELS, OWN, RUNS, nearest, npy_packed
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._masks import decode
from loopline.formats._pictures import Label, Picture, Pictures, key_of
from loopline.formats._place import Media, checked
from loopline.formats._shapes import Fault
from loopline.formats._smalljson import listed, mapping, pretty
from loopline.kernel import rle
from loopline.kernel.exchange import Exportable, Written
from loopline.kernel.schema import Column, LabelField, unique_name

_HOLDS: Final = frozenset(
    {"mask", "points", "closed", "keypoints", "score", "track_id", "iscrowd", "value", "frame", "polygons", "rotation"}
)
_FORMS: Final = {
    "box": "Detections",
    "class": "Classifications",
    "polyline": "Polylines",
    "polygon": "Polylines",
    "keypoint": "Keypoints",
    "value": "Regression",
    "mask": "Segmentation",
}
_ID: Final = "fiftyone_id"
_HEX: Final = re.compile(r"[0-9a-f]{24}\Z")
_EPOCH: Final = "1970-01-01T00:00:00Z"
_TYPES: Final = {
    "text": "String",
    "int": "Int",
    "float": "Float",
    "bool": "Boolean",
    "time": "DateTime",
    "json": "Dict",
}
_CORE: Final = "fiftyone.core."


_SAMPLE: Final = HOUSE | {"filepath", "tags", "metadata", "created_at", "last_modified_at", "split", "frames"}
_LABEL: Final = HOUSE | {"label", "confidence", "tags", "bounding_box", "mask", "mask_path", "index", "points", "value"}
"""Names that samples and labels have of themselves."""


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "copy") -> Written:
    """Write any number of fields of any kind.

    media   copy the pictures into data/ (FiftyOne wants them there), link them, or leave them

    Ids are those that came from FiftyOne, else made from the paths, so the same view gives the same bytes.
    """
    mine = [what.schema.field(name) for name in fields]
    pictures = Pictures(what, mine, "fiftyone", _HOLDS, OWN, columns=None, tags=True, splits=True, object_tags=True)
    forms = {f.name: _Form(f) for f in mine}
    columns = what.schema.columns
    dates = {key_of(c) for c in columns if c.type == "time"} | _dates(_known(forms.values()))
    writer = _Writer(pictures, forms, _named(columns, {*_SAMPLE, *(f.name for f in forms.values())}), dates)
    encoder = msgspec.json.Encoder()
    with new_folder(target) as folder, ExitStack() as stack:
        folders = Folders(folder, pictures.lost, checked(media))
        samples = stack.enter_context((folder / "samples.json").open("wb"))
        samples.write(b'{"samples": [\n')
        frames: BinaryIO | None = None
        for number, picture in enumerate(pictures):
            folders.picture(picture, f"data/{picture.path}")
            sample, per_frame = writer.documents(picture)
            samples.write((b",\n" if number else b"") + encoder.encode(sample))
            for one in per_frame:
                if frames is None:
                    frames = stack.enter_context((folder / "frames.json").open("wb"))
                    frames.write(b'{"frames": [\n' + encoder.encode(one))
                else:
                    frames.write(b",\n" + encoder.encode(one))
        for file in (samples, frames):
            if file is not None:
                file.write(b"\n]}\n")
        folders.write("metadata.json", pretty(writer.head(what, target.name)))
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _named(columns: Iterable[Column], taken: Collection[str]) -> dict[str, str]:
    """Key of each column in the file that it came from → its name in a document: that key, where FiftyOne has no use
    for it of its own (COCO's `id`), else the column's own name, or one that is free."""
    names: dict[str, str] = {}
    for column in columns:
        key = key_of(column)
        names[key] = key if key not in taken else unique_name(column.name, {*taken, *names.values()})
    return names


class _Form:
    """How one field is written."""

    def __init__(self, one: LabelField) -> None:
        meta = mapping(one.meta.get("fiftyone"))
        self.field = one
        form = meta.get("form")
        self.form = form if form in LABELS and LABELS[form][0] == one.kind else _FORMS[one.kind]
        self.inner = LABELS[self.form][1]
        self.name = str(meta.get("name") or one.name)
        self.names = _named(one.attributes, _LABEL)
        self.framed = False
        self.unframed = False

    def document(self, labels: list[dict[str, Any]], lost: Counter[str]) -> dict[str, Any]:
        if self.inner:
            return {"_cls": self.form, self.inner: labels}
        lost["labels beside another one of the same field"] += len(labels) - 1
        return labels[0]


def _known(forms: Iterable[_Form]) -> Mapping[str, Any]:
    """The document of the data set that the labels came from; empty where they did not come from FiftyOne."""
    found = (mapping(mapping(form.field.meta.get("fiftyone")).get("dataset")) for form in forms)
    return next((one for one in found if one), {})


def _dates(known: Mapping[str, Any]) -> set[str]:
    fields = [mapping(f) for f in (*listed(known.get("sample_fields")), *listed(known.get("frame_fields")))]
    return {str(f.get("name")) for f in fields if str(f.get("ftype")).endswith(("DateTimeField", "DateField"))}


def _dated(value: Any) -> Any:
    """A date's text as MongoDB's JSON; anything else as it is."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return value
    if moment is None:
        return value
    return {"$date": value if moment.tzinfo is not None else f"{moment.isoformat()}Z"}


@dataclass(slots=True)
class _Writer:
    pictures: Pictures
    forms: Mapping[str, _Form]
    names: Mapping[str, str]  # of columns of samples
    dates: Collection[str]  # values of samples and frames that are dates
    used: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)  # columns that have one
    video: bool = False
    image: bool = False

    def documents(self, picture: Picture) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
        """A sample, and its frames."""
        row = picture.sample
        columns = dict(picture.columns)
        sample_id = self._id(columns.pop(_ID, None), picture.path)
        video = row.get("media") == "video"
        self.video, self.image = self.video or video, self.image or not video
        moment = {"$date": row["created_at"].isoformat() + "Z" if "created_at" in row else _EPOCH}
        out: dict[str, Any] = {
            "_id": {"$oid": sample_id},
            "filepath": f"data/{picture.path}",
            "tags": row.get("tags") or [],
            "metadata": _metadata(row, video=video),
            "_media_type": "video" if video else "image",
            "_rand": int(sample_id[:8], 16) / 2**32,
            "created_at": moment,
            "last_modified_at": moment,
        }
        if "split" in row:
            out["split"] = row["split"]
        frame_values = mapping(columns.pop(FRAMES, None))
        beside = {key: columns.pop(key) for key in [*columns] if self._form_of(key) is not None}
        for key in [*columns]:
            if key.startswith("metadata."):
                out["metadata"][key.partition(".")[2]] = columns.pop(key)
        self.lists |= {name for name, value in columns.items() if isinstance(value, list)}
        out |= {self.names.get(k, k): _dated(v) if k in self.dates else v for k, v in columns.items()}
        grouped: dict[tuple[int | None, str], list[dict[str, Any]]] = {}
        for number, label in enumerate(picture.labels):
            try:
                one = self._label(label, picture, f"{picture.path}\0{number}")
            except Fault as fault:
                self.pictures.lost[f"objects left out: {fault.what}"] += 1
                self.pictures.objects -= 1
                continue
            grouped.setdefault((label.values.get("frame") if video else None, label.field), []).append(one)
        frames: dict[int, dict[str, Any]] = {}
        for (frame, name), labels in grouped.items():
            form = self.forms[name]
            if frame is None:
                form.unframed = True
                out[form.name] = form.document(labels, self.pictures.lost)
            else:
                form.framed = True
                frames.setdefault(frame, {})[form.name] = form.document(labels, self.pictures.lost)
        for key, value in beside.items():
            self._put(out, key, value)
        for number_, values in frame_values.items():
            if number_.isdecimal():
                for key, value in mapping(values).items():
                    self._put(frames.setdefault(int(number_) - 1, {}), key, value)
        return out, self._frames(frames, sample_id, moment)

    def _form_of(self, key: str) -> _Form | None:
        """The field of a list of labels that a column `<field>.<key>` belongs to."""
        name = key.partition(".")[0]
        return next((f for f in self.forms.values() if f.name == name and f.inner and "." in key), None)

    def _put(self, document: dict[str, Any], key: str, value: Any) -> None:
        """What a list of labels says of itself goes beside the list, anything else into the document."""
        form = self._form_of(key)
        if form is None:
            document[key] = _dated(value) if key in self.dates else value
        else:
            form.framed, form.unframed = (
                form.framed or "filepath" not in document,
                form.unframed or "filepath" in document,
            )
            document.setdefault(form.name, {"_cls": form.form, form.inner: []})[key.partition(".")[2]] = value

    def _frames(
        self, frames: Mapping[int, dict[str, Any]], sample_id: str, moment: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for frame, labels in sorted(frames.items()):
            yield {
                "_id": {"$oid": self._id(None, f"{sample_id}/{frame}")},
                "_sample_id": {"$oid": sample_id},
                "frame_number": frame + 1,
                "created_at": moment,
                "last_modified_at": moment,
                **labels,
            }

    def _id(self, stated: Any, text: str) -> str:
        """Twelve bytes, in hex: the stated id where it is one and free, else out of the text."""
        one, number = stated if isinstance(stated, str) and _HEX.match(stated) else "", 0
        while not one or one in self.used:
            one = blake2b(f"{text}\0{number}".encode(), digest_size=12).hexdigest()
            number += 1
        self.used.add(one)
        return one

    def _label(self, label: Label, picture: Picture, text: str) -> dict[str, Any]:
        values, form = label.values, self.forms[label.field]
        attributes = dict(label.attributes)
        single = next((k for k, v in LABELS.items() if v[0] == LABELS[form.form][0] and not v[1]), form.form)
        out: dict[str, Any] = {
            "_id": {"$oid": self._id(label.own.get(_ID), text)},
            "_cls": single,
            "tags": values.get("tags", []),
        }
        if label.kind in ("box", "polyline", "polygon", "keypoint", "class"):
            out["label"] = label.label
        if "score" in values:
            out["confidence"] = values["score"]
        if "track_id" in values:
            if label.kind in ("class", "value", "mask"):
                self.pictures.lost["track_id"] += 1
            else:
                out["index"] = values["track_id"]
        if label.kind in ("box", "polyline", "polygon", "keypoint"):
            out |= self._shape(label, picture)
        elif label.kind == "value":
            out["value"] = values.get("value")
        elif label.kind == "mask":
            if not values.get("mask"):
                raise Fault("a segmentation without a mask")
            out["mask"] = npy_packed(decode(values["mask"]).ids)
        if label.kind == "keypoint" and isinstance(attributes.get("confidences"), list) and "confidence" not in out:
            out["confidence"] = attributes.pop("confidences")
        return {**{form.names.get(k, k): v for k, v in attributes.items()}, **out}

    def _shape(self, label: Label, picture: Picture) -> dict[str, Any]:
        width, height = picture.size
        values, lost = label.values, self.pictures.lost
        if not width or not height:
            raise Fault("shapes of pictures of unknown size")
        if label.kind == "keypoint":
            flat = values.get("keypoints") or []
            lost["hidden points, written as visible ones"] += 1.0 in flat[2::3]
            triplets = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
            return {"points": [[x / width, y / height] if v else [_NAN, _NAN] for x, y, v in triplets]}
        if label.kind in ("polyline", "polygon"):
            parts = values.get("points") or []
            points = [[[x / width, y / height] for x, y in zip(p[0::2], p[1::2], strict=True)] for p in parts]
            whole = label.kind == "polygon"
            closed = bool(values.get("closed", whole))
            return {"points": points, "closed": closed, "filled": bool(label.own.get("filled", whole))}
        for name, word in (
            ("polygons", "outlines"),
            ("keypoints", "keypoints of boxes"),
            ("rotation", "turns of boxes"),
        ):
            lost[word] += bool(values.get(name))
        x, y, w, h = label.box
        out: dict[str, Any] = {"bounding_box": [x / width, y / height, w / width, h / height]}
        if "iscrowd" in values:
            out["iscrowd"] = values["iscrowd"]
        if values.get("mask"):
            mask = rle.decode(values["mask"])
            left, top = max(0, nearest(x)), max(0, nearest(y))
            crop = mask[top : top + max(1, nearest(h)), left : left + max(1, nearest(w))]
            lost["parts of masks outside their box"] += int(crop.sum()) != int(mask.sum())
            if crop.size:
                out["mask"] = npy_packed(np.asarray(crop, bool))
        return out

    # metadata.json ------------------------------------------------------------------------------------------------

    def head(self, what: Exportable, name: str) -> dict[str, Any]:
        """The document of the data set: what came from FiftyOne, with the fields as they are now."""
        known = _known(self.forms.values())
        declared = {str(f.get("name")): f for f in map(mapping, listed(known.get("sample_fields")))}
        framed = {str(f.get("name")): f for f in map(mapping, listed(known.get("frame_fields")))}
        metadata = "metadata.VideoMetadata" if self.video and not self.image else "metadata.ImageMetadata"
        usual = [
            _field("id", "ObjectId", db_field="_id"),
            _field("filepath", "String"),
            _field("tags", "List", subfield="String"),
            _field("metadata", "EmbeddedDocument", embedded=metadata),
            _field("created_at", "DateTime"),
            _field("last_modified_at", "DateTime"),
        ]
        columns = [(key_of(c), _TYPES[c.type]) for c in what.schema.columns if c.name != "fiftyone_rest"]
        columns = [
            (key, kind)
            for key, kind in columns
            if key not in (_ID, FRAMES) and not key.startswith("metadata.") and self._form_of(key) is None
        ]
        mine = [
            _field("split", "String"),
            *(_field(self.names.get(k, k), "List" if k in self.lists else kind) for k, kind in columns),
        ]
        labels = {f.name: _label_field(f) for f in self.forms.values()}
        own = [*mine, *(labels[f.name] for f in self.forms.values() if f.unframed or not f.framed)]
        frames = [
            _field("id", "ObjectId", db_field="_id"),
            _field("frame_number", "FrameNumber"),
            _field("_sample_id", "ObjectId", db_field="_sample_id"),
            _field("created_at", "DateTime"),
            _field("last_modified_at", "DateTime"),
            *(labels[f.name] for f in self.forms.values() if f.framed),
        ]
        out = {
            "name": name,
            "version": "1.0.0",
            **{k: v for k, v in known.items() if k not in RUNS},
            "media_type": "video" if self.video and not self.image else "image",
            "sample_fields": [declared.get(str(f["name"]), f) for f in (*usual, *own)],
            "frame_fields": [*({f["name"]: f for f in frames} | framed).values()] if self.video else [],
            "classes": {f.name: list(f.field.classes) for f in self.forms.values() if f.field.classes},
            "mask_targets": {f.name: ids for f in self.forms.values() if (ids := _targets(f.field))},
            "skeletons": {f.name: _bones(f.field) for f in self.forms.values() if f.field.keypoint_names},
        }
        for key, empty in (("info", {}), ("default_classes", []), ("default_mask_targets", {})):
            out.setdefault(key, empty)
        return out


_NAN: Final = {"$numberDouble": "NaN"}


def _metadata(row: Mapping[str, Any], *, video: bool) -> dict[str, Any]:
    size = {"size_bytes": row.get("size_bytes"), "mime_type": row.get("mime")}
    if not video:
        return {"_cls": "ImageMetadata", **size, "width": row.get("width"), "height": row.get("height")}
    known = {"frame_width": "width", "frame_height": "height", "frame_rate": "fps", "total_frame_count": "frame_count"}
    out = {ours: row.get(name) for ours, name in {**known, "duration": "duration_s"}.items()}
    return {"_cls": "VideoMetadata", **size, **out}


def _field(name: str, kind: str, *, db_field: str = "", subfield: str = "", embedded: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "ftype": f"{_CORE}fields.{kind}Field",
        "embedded_doc_type": f"{_CORE}{embedded}" if embedded else None,
        "subfield": f"{_CORE}fields.{subfield}Field" if subfield else None,
        "fields": [],
        "db_field": db_field or name,
        "description": None,
        "info": None,
        "read_only": False,
    }


def _label_field(form: _Form) -> dict[str, Any]:
    out = _field(form.name, "EmbeddedDocument", embedded=f"labels.{form.form}")
    return {**out, "description": form.field.description or None}


def _targets(one: LabelField) -> dict[str, str]:
    ids = mapping(mapping(one.meta.get("mask")).get("ids"))
    return {str(code): str(name) for code, name in ids.items()}


def _bones(one: LabelField) -> dict[str, Any]:
    return {"labels": list(one.keypoint_names), "edges": [list(pair) for pair in one.skeleton]}
