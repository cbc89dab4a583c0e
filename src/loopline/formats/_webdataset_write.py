"""Writing WebDataset shards: the picture and a `.json` with everything of each sample, and what the reader knows them by."""

from __future__ import annotations

import base64
import re
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from loopline.errors import FormatError, MediaError
from loopline.formats._files import new_folder
from loopline.formats._pictures import Label, Picture, Pictures
from loopline.formats._place import MISSING, REMOTE, Media, checked
from loopline.kernel.exchange import Exportable, Written
from loopline.kernel.schema import LABEL_COLUMNS, as_json
from loopline.media.opening import open_media
from loopline.media.references import is_url

MARK: Final = "loopline"  # key of a .json that we wrote
FIELDS: Final = "fields.json"
NAMES: Final = ("classnames.txt", "classes.txt")
SAMPLE: Final = ("width", "height", "media", "split", "tags", "fps", "frame_count", "duration_s")
_HOLDS: Final = frozenset(name for columns in LABEL_COLUMNS.values() for name in columns)


def write(
    what: Exportable, target: Path, *, fields: Sequence[str], shard_samples: int = 1000, media: Media = "copy"
) -> Written:
    """Write any number of fields of any kind as `<split>-000000.tar`, ... with the pictures in them.

    shard_samples   samples in a shard
    media           "copy": the pictures stand in the shards; "none": they are left out

    Members: the picture, `.json` with everything, and `.cls` (place in classnames.txt) where a sample has one label of
    the one class field. fields.json beside the shards describes the fields. The same view gives the same bytes.
    """
    if shard_samples < 1:
        raise FormatError(f"shard_samples is {shard_samples}", hint="at least 1")
    if checked(media) == "link":
        raise FormatError("pictures in a shard cannot be links", hint='media="copy" or "none"')
    mine = [what.schema.field(name) for name in fields]
    pictures = Pictures(what, mine, "webdataset", _HOLDS, columns=None, tags=True, splits=True, object_tags=True)
    classes = [f for f in mine if f.kind == "class"]
    names = list(classes[0].classes) if len(classes) == 1 else []
    counts: dict[str, int] = {}
    open_shards: dict[str, tarfile.TarFile] = {}
    with new_folder(target) as folder, ExitStack() as stack:
        for picture in pictures:
            split = re.sub(r"[^\w-]+", "_", picture.sample.get("split") or "") or "shard"
            number_ = counts.get(split, 0)
            if number_ % shard_samples == 0:
                if split in open_shards:
                    open_shards[split].close()
                file = folder / f"{split}-{number_ // shard_samples:06d}.tar"
                open_shards[split] = stack.enter_context(tarfile.open(file, "w", format=tarfile.GNU_FORMAT))
            counts[split] = number_ + 1
            key = f"{number_:09d}"
            if media == "copy" and (why := _write_picture(open_shards[split], key, picture)):
                pictures.lost[why] += 1
            _write_sample(open_shards[split], key, picture, names)
        (folder / FIELDS).write_bytes(msgspec.json.encode([as_json(f) for f in mine]) + b"\n")
        if names:
            (folder / NAMES[0]).write_bytes("".join(f"{n}\n" for n in names).encode())
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _write_picture(archive: tarfile.TarFile, key: str, picture: Picture) -> str:
    """Put a picture into the shard. The reason where that is not possible, else ""."""
    root, ending = picture.sample.get("root"), Path(picture.path).suffix.lower() or ".jpg"
    if root is None or is_url(root):
        return REMOTE
    try:
        with open_media(root, picture.path) as content:
            _add(archive, f"{key}{ending}", content, content.seek(0, 2))
    except (MediaError, OSError):
        return MISSING
    return ""


def _write_sample(archive: tarfile.TarFile, key: str, picture: Picture, names: Sequence[str]) -> None:
    labels = [label.label for label in picture.labels if label.kind == "class"]
    if len(labels) == 1 and labels[0] in names:
        _bytes(archive, f"{key}.cls", str(names.index(labels[0])).encode())
    sample = {k: picture.sample[k] for k in ("path", *SAMPLE) if picture.sample.get(k) not in (None, [])}
    found = {**sample, "columns": picture.columns, "labels": [_document(label) for label in picture.labels]}
    _bytes(archive, f"{key}.json", msgspec.json.encode({MARK: found}))


def _document(label: Label) -> dict[str, Any]:
    values = dict(label.values)
    tags = values.pop("tags", [])
    if "mask" in values:
        values["mask"] = base64.b64encode(values["mask"]).decode()
    values = {k: v for k, v in values.items() if k not in ("id", "sample_id", "label")}
    return {
        "field": label.field,
        "label": label.label,
        "values": values,
        "attributes": {**label.own, **label.attributes},
        "tags": tags,
    }


def _bytes(archive: tarfile.TarFile, name: str, raw: bytes) -> None:
    _add(archive, name, BytesIO(raw), len(raw))


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    content.seek(0)
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644  # time and owner stay 0: the same view gives the same bytes
    archive.addfile(info, content)
