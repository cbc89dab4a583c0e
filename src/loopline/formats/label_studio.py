"""Label Studio's JSON export: a list of tasks with their annotations and predictions.

Rectangles (turned too), polygons, ellipses (the box, `shape` = "ellipse") and brushes are rows of one box field, key
points are keypoints, choices of the whole picture are classes, its numbers and ratings values. Who drew a row is in
`completed_by`, which annotation of the task it belongs to in `annotation_id`. Predictions go to a field of their own.
Coordinates are percents there and pixels here, so the last digits of a number may change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from loopline.errors import FormatError
from loopline.formats import _label_studio as regions
from loopline.formats._fields import chosen
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._media import IMAGES, VIDEOS
from loopline.formats._pairs import first_files
from loopline.formats._pictures import Label, Picture, Pictures, column_values, completed
from loopline.formats._shapes import Fault, optional_number, size_px, whole
from loopline.formats._smalljson import items, keys_in_head, listed, mapping, text
from loopline.formats._support import support
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import FieldKind, ScalarType, unique_name

SUPPORT: Final = support(
    boxes="lossy: percents of the picture; equal to about 1e-9 pixels",
    masks="exact",
    polygons="lossy: percents; an outline of several parts becomes several regions",
    keypoints="lossy: percents; single points without names",
    attributes="lossy: truths come back as texts",
    scores="exact",
    ids="exact",
    picture_fields="exact",
)
OWN: Final[dict[str, ScalarType]] = {
    "shape": "text",
    "region_id": "text",
    "annotation_id": "int",
    "completed_by": "text",
    "model_version": "text",
    "from_name": "text",
    "more_labels": "json",
    "annotation_more": "json",  # what else the annotation says: created_at, lead_time, ground_truth, ...
}
_KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline", "keypoint", "class", "value"})
_HOLDS: Final = frozenset({"mask", "polygons", "points", "closed", "keypoints", "rotation", "score", "value"})
_ID: Final = "label_studio_id"
_STATED: Final = "label_studio_path"  # column: the picture as the task names it, where that is not its path
_REST: Final = "label_studio_task"  # column: what else the task says, as JSON
_NOT_MORE: Final = frozenset(
    {"id", "result", "completed_by", "was_cancelled", "model_version", "score", "task", "project"}
)


def sniff(path: Path) -> Sniffed | None:
    """A JSON list of tasks: objects with `data`, and annotations or predictions with results."""
    if path.is_dir():
        found = [file for file in first_files(path, ".json") if _looks_ours(file)]
        return Sniffed(0.9, f"Label Studio: {', '.join(f.name for f in found)}") if found else None
    return Sniffed(0.95, "Label Studio JSON") if path.suffix.lower() == ".json" and _looks_ours(path) else None


def _looks_ours(file: Path) -> bool:
    head, keys = keys_in_head(file)
    if head[:1] != b"[" or "data" not in keys or not keys & {"annotations", "predictions", "completions"}:
        return False
    return "result" in keys or bool(keys & {"from_name", "to_name", "original_width", "completed_by"})


def read(source: Source, *, predictions: str = "predictions", image: str = "") -> Iterator[Event]:
    """A JSON export, or the folder that holds it, as events.

    predictions   field for the predictions of the tasks
    image         key of a task's data that names the picture; found where it is not given

    Raises FormatError where there is no such file.
    """
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    if path.is_dir():
        found = [file for file in first_files(path, ".json", 50) if _looks_ours(file)]
        if len(found) != 1:
            raise FormatError(f"{len(found)} Label Studio files in this folder", where=str(path), hint="name one file")
        path = found[0]
    with path.open("rb") as file:
        if file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"[", b""):
            raise FormatError("not a list of tasks", where=str(path), hint="export as JSON (not JSON_MIN, CSV, ...)")
    name = predictions if predictions != source.name else unique_name(predictions, {source.name})
    reader = _Reader(
        path,
        Gather(source, "label_studio", path, OWN),
        Gather(replace(source, name=name), "label_studio", path, OWN),
        image,
    )
    for index, task in items(path, "", reader.truth, source.report, {}):
        where = f"{path.name}: [{index}]"
        with reader.truth.row(where):
            reader.task(task, where)
        if reader.truth.full() or reader.guess.full():
            yield from reader.truth.flush()
            yield from reader.guess.flush()
    yield from reader.truth.end()
    if reader.guessed:
        yield from reader.guess.end()


@dataclass(slots=True)
class _Reader:
    path: Path
    truth: Gather
    guess: Gather
    image: str
    guessed: bool = False
    controls: dict[str, str] = field(default_factory=dict)

    def task(self, task: Mapping[str, Any], where: str) -> None:
        data = mapping(task.get("data"))
        key_name = self.image or _picture_key(data)
        stated = text(data.get(key_name))
        if stated is None:
            raise Fault("a task without a picture", 'its data has no text that names one; say which: image="..."')
        annotations = listed(task.get("annotations", task.get("completions")))
        guesses = listed(task.get("predictions"))
        name, root = _place(stated)
        results = [mapping(r) for a in (*annotations, *guesses) for r in listed(mapping(a).get("result"))]
        sizes = ((size_px(r.get("original_width")), size_px(r.get("original_height"))) for r in results)
        width, height = next((s for s in sizes if s[0] and s[1]), (None, None))
        columns: dict[str, Any] = {k: v for k, v in data.items() if k != key_name and v is not None}
        columns |= {
            k: v
            for k, v in ((_ID, whole(task.get("id"))), (_STATED, stated if stated != name else None))
            if v is not None
        }
        known = ("id", "data", "annotations", "completions", "predictions")
        rest = {k: v for k, v in task.items() if k not in known and v not in (None, [], {})}
        if rest:
            columns[_REST] = rest
        key = self.truth.sample(name, where, root=root, width=width, height=height, columns=columns)
        self.truth.meta["image"] = key_name
        for number, one in enumerate(annotations):
            self._annotation(one, key, f"{where}: annotations[{number}]", self.truth)
        for number, one in enumerate(guesses):
            self.guessed = True
            self._annotation(one, key, f"{where}: predictions[{number}]", self.guess)

    def _annotation(self, one: Any, key: int, where: str, gather: Gather) -> None:
        if not isinstance(one, dict) or not isinstance(one.get("result"), list):
            gather.skip("an annotation without a list of results", where)
            return
        if one.get("was_cancelled"):
            gather.skip("an annotation that was cancelled", where)
            return
        by = one.get("completed_by")
        own: dict[str, Any] = {
            "annotation_id": whole(one.get("id")),
            "completed_by": text(mapping(by).get("email") or mapping(by).get("id"))
            if isinstance(by, dict)
            else text(by),
            "model_version": text(one.get("model_version")),
        }
        more = {k: v for k, v in one.items() if k not in _NOT_MORE and v not in (None, [], {}, False)}
        if more:
            own["annotation_more"] = more
        groups: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
        for number, result in enumerate(one["result"]):
            place = f"{where}: result[{number}]"
            with gather.row(place):
                if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
                    raise Fault("a result without a value")
                region = text(result.get("id"))
                groups.setdefault(region if region is not None else number, []).append((number, result))
        score = optional_number(one.get("score"))
        for group in groups.values():
            place = f"{where}: result[{group[0][0]}]"
            with gather.row(place):
                self._region([result for _, result in group], key, place, gather, own, score)

    def _region(
        self,
        group: Sequence[dict[str, Any]],
        key: int,
        where: str,
        gather: Gather,
        own: Mapping[str, Any],
        score: float | None,
    ) -> None:
        """The results of one region: its shape, its class, and what other controls say of it."""
        shaped = next((r for r in group if regions.is_region(r["value"])), None)
        if shaped is None:
            for result in group:
                self._whole(result, key, where, gather, own, score)
            return
        if shaped.get("type") == "videorectangle" or "sequence" in shaped["value"]:
            raise Fault("a region of a video")
        if shaped.get("image_rotation"):
            gather.warn("a picture that was turned in Label Studio; its numbers are taken as they are", where)
        size = size_px(shaped.get("original_width")), size_px(shaped.get("original_height"))
        kind, values, shape_own = regions.shape_of(shaped["value"], size)
        names = next((n for r in group if (n := regions.labels_of(r["value"]))), [])
        labelling = next((r for r in group if regions.labels_of(r["value"])), shaped)
        attributes: dict[str, Any] = {}
        for result in group:
            if result is not shaped and not regions.labels_of(result["value"]):
                name = text(result.get("from_name")) or str(result.get("type"))
                attributes[name] = regions.content_of(str(result.get("type")), result["value"])
                self._control(name, str(result.get("type")), result)
        mine = {**own, **shape_own, "region_id": text(shaped.get("id")), "from_name": text(labelling.get("from_name"))}
        if len(names) > 1:
            mine["more_labels"] = names[1:]
        found = optional_number(shaped.get("score"))
        self.truth.meta["to_name"] = text(shaped.get("to_name")) or "image"
        gather.add(
            kind,
            key,
            names[0] if names else None,
            where,
            own={k: v for k, v in mine.items() if v is not None},
            attributes=attributes,
            score=found if found is not None else score,
            **values,
        )

    def _whole(
        self,
        result: Mapping[str, Any],
        key: int,
        where: str,
        gather: Gather,
        own: Mapping[str, Any],
        score: float | None,
    ) -> None:
        """What is said of the whole picture."""
        value, kind, name = result["value"], str(result.get("type")), text(result.get("from_name"))
        mine = {
            k: v for k, v in {**own, "from_name": name, "region_id": text(result.get("id"))}.items() if v is not None
        }
        found = optional_number(result.get("score"))
        score = found if found is not None else score
        if name:
            self._control(name, kind, result)
        if "choices" in value:
            for choice in listed(value["choices"]):
                gather.add("class", key, str(choice), where, own=mine, score=score)
        elif kind in ("number", "rating") and optional_number(value.get(kind)) is not None:
            gather.add("value", key, name or kind, where, own=mine, value=optional_number(value[kind]), score=score)
        else:
            raise Fault(
                "a result of a type that is not kept", f"the type is {kind}; regions, choices, numbers and ratings are"
            )

    def _control(self, name: str, kind: str, result: Mapping[str, Any]) -> None:
        if self.controls.setdefault(name, kind) == kind:
            self.truth.meta["controls"] = dict(sorted(self.controls.items()))
        self.truth.meta.setdefault("to_name", text(result.get("to_name")) or "image")


def _picture_key(data: Mapping[str, Any]) -> str:
    """The key of a task's data that names its picture: "image", else the first that looks like a file of media."""
    for name in ("image", "img", "image_url", "url", "picture"):
        if text(data.get(name)):
            return name
    for name, value in data.items():
        if isinstance(value, str) and Path(urlsplit(value).path).suffix.lower() in IMAGES | VIDEOS:
            return name
    return "image"


def _place(stated: str) -> tuple[str, str | None]:
    """A picture's path, and the URL it is relative to (None: it is a file): http and s3 addresses stay where they are.

    >>> _place("/data/local-files/?d=set%2Fa.jpg"), _place("s3://bucket/set/a.jpg"), _place("/data/upload/3/b.png")
    (('set/a.jpg', None), ('a.jpg', 's3://bucket/set'), ('b.png', None))
    """
    parts = urlsplit(stated)
    if parts.scheme in ("http", "https", "s3", "gs", "az") and parts.netloc:
        folder, _, name = parts.path.rpartition("/")
        return unquote(name) or stated, f"{parts.scheme}://{parts.netloc}{folder}"
    if parts.path.endswith("/local-files/") and (local := parse_qs(parts.query).get("d")):
        return local[0], None
    for start in ("/data/upload/", "data/upload/", "/data/"):
        if stated.startswith(start):
            inner = unquote(parts.path).removeprefix(start)
            return (inner.partition("/")[2] or inner) if start.endswith("upload/") else inner, None
    return stated, None


def write(
    what: Exportable, target: Path, *, fields: Sequence[str], predictions: str = "predictions", prefix: str = ""
) -> Written:
    """Write fields of different kinds as one list of tasks; a target without .json is a folder.

    predictions   field of boxes that is written as predictions, if it is among the fields
    prefix        put before each picture's path, for example "/data/local-files/?d="

    Regions are percents of a picture: those of a picture of unknown size are left out and counted.
    Raises FormatError for two fields of one kind, and for kinds that Label Studio cannot hold.
    """
    guesses = [n for n in fields if n == predictions or n.startswith(f"{predictions}_")]
    if len(guesses) == len(fields):
        guesses = []
    mine = chosen(what.schema, [n for n in fields if n not in guesses], _KINDS, "Label Studio")
    others = chosen(what.schema, guesses, _KINDS, "Label Studio")
    meta: Mapping[str, Any] = next((f.meta["label_studio"] for f in mine if "label_studio" in f.meta), {})
    file = target if target.suffix.lower() == ".json" else target / "tasks.json"
    pictures = Pictures(what, [*mine, *others], "label_studio", _HOLDS, OWN, columns=None)
    ids = completed([whole(v) for v in column_values(what, _ID)]) or []
    writer = _Writer(pictures, meta, prefix, {one.name for one in others})
    encoder = msgspec.json.Encoder()
    with new_file(file) as out:
        out.write(b"[")
        for index, (number, picture) in enumerate(zip(ids, pictures, strict=True)):
            out.write(b",\n" if index else b"\n")
            out.write(encoder.encode(writer.task(picture, number)))
        out.write(b"\n]\n")
    return Written([file], pictures.samples, pictures.objects, pictures.losses())


@dataclass(slots=True)
class _Writer:
    pictures: Pictures
    meta: Mapping[str, Any]
    prefix: str
    guesses: set[str]

    def task(self, picture: Picture, number: int) -> dict[str, Any]:
        columns = picture.columns
        columns.pop(_ID, None)
        stated = columns.pop(_STATED, None)
        rest = columns.pop(_REST, None)
        root = str(picture.sample.get("root") or "")
        where = f"{root.rstrip('/')}/{picture.path}" if "://" in root else f"{self.prefix}{picture.path}"
        name = str(self.meta.get("image", "image"))
        return {
            "id": number,
            "data": {name: stated if isinstance(stated, str) and not self.prefix else where, **columns},
            "annotations": self._annotations(picture, guesses=False),
            "predictions": self._annotations(picture, guesses=True),
            **(rest if isinstance(rest, dict) else {}),
        }

    def _annotations(self, picture: Picture, *, guesses: bool) -> list[dict[str, Any]]:
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        used: set[str] = set()
        for number, label in enumerate(picture.labels):
            if (label.field in self.guesses) != guesses:
                continue
            own = label.own
            key = own.get("annotation_id"), own.get("completed_by"), own.get("model_version")
            one = found.get(key)
            if one is None:
                by = own.get("completed_by")
                one = found[key] = {"result": []}
                if "annotation_id" in own:
                    one["id"] = own["annotation_id"]
                if by is not None:
                    one["completed_by"] = int(by) if str(by).isdigit() else {"email": by}
                if "model_version" in own:
                    one["model_version"] = own["model_version"]
                more = own.get("annotation_more")
                one |= more if isinstance(more, dict) else {}
            try:
                one["result"] += self._results(label, picture, number, used)
            except Fault as fault:
                self.pictures.lost[f"objects left out: {fault.what}"] += 1
                self.pictures.objects -= 1
        return list(found.values())

    def _results(self, label: Label, picture: Picture, number: int, used: set[str]) -> list[dict[str, Any]]:
        own, values = label.own, label.values
        to_name = str(self.meta.get("to_name", "image"))
        region = own.get("region_id") or f"region-{number}"
        if region in used and label.kind != "class":
            region = f"{region}-{number}"  # results with one id are one region
        used.add(region)
        base: dict[str, Any] = {"id": region, "to_name": to_name}
        if "score" in values:
            base["score"] = values["score"]
        if label.kind == "class":
            return [
                {
                    **base,
                    "from_name": own.get("from_name", "choice"),
                    "type": "choices",
                    "value": {"choices": [label.label or ""]},
                }
            ]
        if label.kind == "value":
            name = own.get("from_name", label.label or "number")
            kind = self._control(name, 0.5)
            value = values.get("value")
            return [
                {
                    **base,
                    "from_name": name,
                    "type": kind,
                    "value": {kind: int(value) if kind == "rating" and value else value},
                }
            ]
        width, height = picture.size
        if not width or not height:
            raise Fault("a region on a picture of unknown size")
        shapes = regions.values_of(label, (width, height), self.pictures)
        if not shapes:
            raise Fault("a label without a shape")
        self.pictures.lost["outlines of several parts, written as several regions"] += len(shapes) > 1
        base |= {"original_width": width, "original_height": height, "image_rotation": 0}
        out = []
        for place, (kind, shape) in enumerate(shapes):
            inner = base if place == 0 else {**base, "id": f"{region}_{place}"}
            names = [label.label, *listed(own.get("more_labels"))] if label.label is not None else []
            key = f"{kind}labels" if names else kind
            value = {**shape, key: names} if names else shape
            out.append({**inner, "from_name": own.get("from_name", "label"), "type": key, "value": value})
            for name, content in label.attributes.items():
                control = self._control(name, content)
                out.append(
                    {**inner, "from_name": name, "type": control, "value": {**shape, **_content(control, content)}}
                )
        return out

    def _control(self, name: str, value: Any) -> str:
        """The type of a control: as it came, else by its value."""
        known = mapping(self.meta.get("controls")).get(name)
        if isinstance(known, str):
            return known
        return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "choices"


def _content(control: str, value: Any) -> dict[str, Any]:
    if control in ("choices", "textarea"):
        plain = ("true" if value else "false") if isinstance(value, bool) else value
        return {"choices" if control == "choices" else "text": plain if isinstance(plain, list) else [plain]}
    return {control: value}


FORMAT: Final = FileFormat("label_studio", "Label Studio", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
