"""MOT challenge: tracks of boxes through sequences, as rows of text.

A row is frame (from 1), track, left, top, width, height; then, in a truth file, whether it counts, the class and the
visible share (or, in MOT15, a place in the world); in a file of results the score. A sequence with its pictures in
img1 comes in as one sample a picture, with the columns `sequence` and `frame_index` (from 0). A sequence without
them is one video sample, and its rows have `frame` (from 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import read_bytes
from loopline.formats._media import VIDEOS
from loopline.formats._mot_layout import Form, Sequence, find_sequences, looks_like_rows, of_folder
from loopline.formats._pairs import first_files, folders_below, text_of
from loopline.formats._pictures import Label, Picture, Pictures
from loopline.formats._shapes import Fault, number, optional_number, tidy, whole
from loopline.formats._support import support
from loopline.formats.voc import number_text
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import LabelField, ScalarType

SUPPORT: Final = support(
    boxes="exact",
    attributes="lossy: only whether a row counts, the visible share and the place in the world",
    tracks="exact",
    scores="lossy: in files of results",
    splits="lossy: as folders; train, val and test only",
)
OWN: Final[dict[str, ScalarType]] = {
    "considered": "bool",  # truth: rows that an evaluation counts
    "visibility": "float",
    "x_m": "float",
    "y_m": "float",
    "z_m": "float",
}
CLASSES: Final = {
    1: "pedestrian",
    2: "person_on_vehicle",
    3: "car",
    4: "bicycle",
    5: "motorbike",
    6: "non_motorized_vehicle",
    7: "static_person",
    8: "distractor",
    9: "occluder",
    10: "occluder_on_ground",
    11: "occluder_full",
    12: "reflection",
    13: "crowd",
}
"""The numbers of MOT16, 17 and 20. Files of MOT15 and of results have pedestrians only."""

_MOST_BYTES: Final = 1 << 30
_BATCH: Final = 50_000


def sniff(path: Path) -> Sniffed | None:
    """A folder with gt/gt.txt, gt.txt or seqinfo.ini, or folders of such; or a text file of such rows."""
    if path.is_file():
        return Sniffed(0.9, "MOT rows") if path.suffix.lower() == ".txt" and looks_like_rows(path) else None
    found = [one for folder in folders_below(path, 2) if (one := of_folder(folder, "gt")) is not None][:3]
    rows = [one.rows for one in found if one.rows is not None] or first_files(path, ".txt")
    if any(looks_like_rows(file) for file in rows) or any(one.info for one in found):
        return Sniffed(0.93, f"MOT: {', '.join(one.name for one in found) or 'files of results'}")
    return None


def read(source: Source, *, labels: Form = "gt", sequences: Path | str | None = None) -> Iterator[Event]:
    """A sequence, a folder of sequences, or files of rows, as events.

    labels      "gt" or "results" (det/det.txt): which rows to take of a sequence that has both
    sequences   for files of results: the folder where their sequences lie, so that the labels go to the same samples

    Raises FormatError where there is no sequence.
    """
    if not source.path.exists():
        raise no_file(source.path)
    if labels not in ("gt", "results"):
        raise FormatError(f'labels="{labels}" is not known', hint='one of: "gt", "results"')
    where = source.media or (Path(sequences) if sequences is not None else None)
    found = find_sequences(source.path, labels, where)
    if not found:
        raise FormatError("no sequence", where=str(source.path), hint="name the folder that holds gt/gt.txt")
    gather = Gather(source, "mot", source.path / "x", OWN)
    for done, one in enumerate(found):
        yield from _Reader(one, gather).events()
        source.report(done + 1, len(found))
    if len({one.form for one in found}) == 1:
        gather.meta["form"] = found[0].form
    yield from gather.end()


@dataclass(slots=True)
class _Reader:
    one: Sequence
    gather: Gather
    keys: dict[int, int] = field(default_factory=dict)  # frame (from 0) → sample, where frames are pictures
    video: int | None = None
    seen: set[tuple[int, int]] = field(default_factory=set)

    def events(self) -> Iterator[Event]:
        one = self.one
        self._samples()
        for other in one.others() if self.gather.source.path.is_dir() else ():
            self.gather.warn(
                "other rows of a sequence; not added",
                other.relative_to(one.base).as_posix(),
                "add the file by itself, into a field of its own",
            )
        if one.rows is None:
            self.gather.warn("a sequence without rows; added without labels", one.name)
            return
        place = one.rows.relative_to(one.base) if one.rows.is_relative_to(one.base) else one.rows.name
        try:
            text, utf8 = text_of(read_bytes(str(one.rows), [one.base, one.rows.parent], _MOST_BYTES))
        except FormatError as error:
            self.gather.skip(error.what, str(place), error.hint)
            return
        if not utf8:
            self.gather.warn("not UTF-8; read as Windows' Latin alphabet", str(place))
        wide = self.gather.meta.get("columns", 0)
        for line, row in enumerate(text.splitlines(), start=1):
            if row.strip():
                words = row.replace(",", " ").split()
                wide = max(wide, len(words))
                with self.gather.row(f"{place}:{line}"):
                    self._row(words, f"{place}:{line}")
                if self.gather.full():
                    yield from self.gather.flush()
        self.gather.meta["columns"] = wide

    def _samples(self) -> None:
        one = self.one
        width, height = (int(n) if (n := one.number(key)) else None for key in ("imwidth", "imheight"))
        if not one.pictures:
            length, rate = one.number("seqlength"), one.number("framerate")
            self.video = self.gather.sample(
                one.video or one.name,
                one.name,
                root=one.base,
                width=width,
                height=height,
                media="video",
                split=one.split,
                fps=rate,
                frame_count=int(length) if length else None,
                duration_s=length / rate if length and rate else None,
            )
            return
        for place, name in enumerate(one.pictures):
            index = whole(PurePosixPath(name).stem)
            index = index - 1 if index is not None and index > 0 else place
            self.keys[index] = self.gather.sample(
                f"{one.name}/{one.frames}/{name}",
                one.name,
                root=one.base,
                width=width,
                height=height,
                split=one.split,
                columns={"sequence": one.name, "frame_index": index},
            )

    def _row(self, words: Seq[str], where: str) -> None:
        if not 6 <= len(words) <= 10:
            raise Fault(
                f"a row of {len(words)} columns", "MOT has frame, track, left, top, width, height, and up to 4 more"
            )
        frame, track = whole(tidy(number(words[0], "the frame"))), whole(tidy(number(words[1], "the track")))
        if frame is None or frame < 1 or track is None:
            raise Fault("a frame below 1, or a frame or track that is not a whole number", "frames count from 1")
        x, y, w, h = (number(word) for word in words[2:6])
        values: dict[str, Any] = {"x": x, "y": y, "w": w, "h": h, "track_id": track if track >= 0 else None}
        if self.video is None:
            key = self.keys.get(frame - 1)
            if key is None:
                raise Fault("a row of a frame that has no picture")
        else:
            key = self.video
            values["frame"] = frame - 1
        if track >= 0 and (frame, track) in self.seen:
            self.gather.warn("a track is twice in one frame; both are kept", where)
        self.seen.add((frame, track))
        rest = [optional_number(word) for word in words[6:]]
        label = "pedestrian"
        own: dict[str, Any] = {}
        if self.one.form == "results":
            score = rest[0] if rest else None
            values["score"] = None if score == -1 else score
        else:
            label, own = _truth(rest)
        self.gather.add("box", key, label, where, own=own, **values)


def _truth(rest: Seq[float | None]) -> tuple[str, dict[str, Any]]:
    """Class and attributes of a truth row's columns from the seventh on."""
    own: dict[str, Any] = {}
    if rest and rest[0] is not None:
        own["considered"] = rest[0] != 0
    if len(rest) == 4:
        places = zip(("x_m", "y_m", "z_m"), rest[1:], strict=True)
        own |= {name: value for name, value in places if value is not None and value != -1}
        return "pedestrian", own
    if len(rest) > 2 and rest[2] is not None and rest[2] != -1:
        own["visibility"] = rest[2]
    code = rest[1] if len(rest) > 1 else None
    if code is None or code == -1:
        return "pedestrian", own
    return CLASSES.get(int(code), f"class_{int(code)}"), own


def write(what: Exportable, target: Path, *, fields: Seq[str], form: Form | None = None) -> Written:
    """Write one box field: <sequence>/gt/gt.txt and seqinfo.ini, or with form="results" <sequence>.txt.

    form   None: as the labels came, else "gt"

    A sequence is a video, or the pictures whose column `sequence` is the same, in the order of `frame_index`.
    Holds the rows of all sequences in memory.
    Raises FormatError for more than one field, or other labels than boxes.
    """
    mine = chosen(what.schema, fields, {"box"}, "MOT")
    label_field = mine[0] if mine else None
    meta: Mapping[str, Any] = label_field.meta.get("mot", {}) if label_field is not None else {}
    form = form or ("results" if meta.get("form") == "results" else "gt")
    holds = {"frame", "track_id", *(("score",) if form == "results" else ())}
    own = OWN if form == "gt" else ()
    pictures = Pictures(
        what, mine, "mot", holds, own, attributes=False, columns=("sequence", "frame_index"), splits=True
    )
    writer = _Writer(pictures, form, meta.get("columns") == 10, label_field)
    for picture in pictures:
        writer.take(picture)
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost)
        for (part, name), one in writer.found.items():
            rows = "".join(f"{row}\n" for _, row in sorted(one.rows, key=lambda pair: pair[0]))
            folders.write(f"{part}{name}/gt/gt.txt" if form == "gt" else f"{part}{name}.txt", rows)
            if form == "gt" and one.info:
                info = {"name": name, "imDir": "img1", **one.info}
                folders.write(
                    f"{part}{name}/seqinfo.ini", "".join(["[Sequence]\n", *(f"{k}={v}\n" for k, v in info.items())])
                )
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


@dataclass(slots=True)
class _Found:
    rows: list[tuple[int, str]] = field(default_factory=list)  # frame, text
    info: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Writer:
    pictures: Pictures
    form: Form
    old: bool  # ten columns, as MOT15
    field_: LabelField | None
    found: dict[tuple[str, str], _Found] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    tracks: int = 0

    def __post_init__(self) -> None:
        self.codes = {name: code for code, name in CLASSES.items()}
        for name in self.field_.classes if self.field_ is not None else ():
            code = whole(name.removeprefix("class_")) if name.startswith("class_") else None
            if code is not None and code > 0:
                self.codes.setdefault(name, code)

    def take(self, picture: Picture) -> None:
        video = picture.sample.get("media") == "video"
        name = picture.path if video else picture.columns.get("sequence")
        frame = picture.columns.get("frame_index")
        if not isinstance(name, str) or (not video and not isinstance(frame, int)):
            self.pictures.lost["pictures of no sequence"] += 1
            self.pictures.samples -= 1
            self.pictures.objects -= len(picture.labels)
            return
        pure = PurePosixPath(name)
        name = str(pure.with_suffix("") if pure.suffix.lower() in VIDEOS else pure).replace("/", "_")
        split = picture.sample.get("split")
        one = self.found.setdefault((f"{split}/".replace("..", "_") if split else "", name), _Found())
        sample = picture.sample
        known = {
            "frameRate": number_text(float(sample["fps"])) if "fps" in sample else None,
            "seqLength": str(sample["frame_count"]) if "frame_count" in sample else None,
            "imWidth": str(sample["width"]) if "width" in sample else None,
            "imHeight": str(sample["height"]) if "height" in sample else None,
        }
        if not video and isinstance(frame, int):
            known["seqLength"] = str(max(frame + 1, int(one.info.get("seqLength", "0"))))
            known["imExt"] = PurePosixPath(picture.path).suffix
        one.info |= {key: value for key, value in known.items() if value is not None}
        for label in picture.labels:
            at = label.values.get("frame") if video else frame
            if not isinstance(at, int):
                self.pictures.lost["labels of no frame"] += 1
                self.pictures.objects -= 1
                continue
            one.rows.append((at, self._row(label, at)))

    def _row(self, label: Label, frame: int) -> str:
        values, own = label.values, label.own
        head = [frame + 1, values.get("track_id", -1), *map(float, label.box)]
        if self.form == "results":
            tail: list[Any] = [float(values.get("score", -1)), -1, -1, -1]
            if label.label not in (None, "pedestrian"):
                self.pictures.lost["classes other than pedestrian"] += 1
        else:
            counts = int(own.get("considered", True))
            if self.old and label.label in (None, "pedestrian"):
                tail = [counts, *(float(own.get(key, -1)) for key in ("x_m", "y_m", "z_m"))]
            else:
                tail = [counts, self._code(label.label), float(own.get("visibility", -1))]
        return ",".join(number_text(n) if isinstance(n, float) else str(n) for n in [*head, *tail])

    def _code(self, name: str | None) -> int:
        if name is None:
            return -1
        if name not in self.codes:
            self.codes[name] = max(self.codes.values()) + 1
        if self.codes[name] not in CLASSES and not name.startswith("class_"):
            self.pictures.lost["classes without a MOT number, numbered from 14"] += 1
        return self.codes[name]


FORMAT: Final = FileFormat("mot", "MOT challenge", sniff, read, write)

__all__ = ["CLASSES", "FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
