"""Taking a public data set: its files are brought, checked, added, and what is not needed any more is removed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loopline.errors import BadValue, DatasetNotFound
from loopline.front.dataset import Dataset
from loopline.front.opening import Where, create, open_dataset
from loopline.front.zoo import bring
from loopline.front.zoo.entries import File, Part, PublicSet, entry
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.store.ingest import AddReport
from loopline.store.location import locate

MOST = 500
"""Pictures of Open Images that are fetched unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A public data set that was added, and what each archive of it gave."""

    dataset: Dataset
    reports: tuple[AddReport, ...]


def from_zoo(
    name: str,
    into: Dataset | Where | None = None,
    *,
    classes: Sequence[str] = (),
    most: int | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Taken:
    """Fetch a public data set by its name (`list_zoo`) and add it; its pictures are copied into the data set.

    into     a data set, or the name or path of one, made if it is not there; by default one of the same name
    classes  of Open Images: only pictures with a box of one of them
    most     of Open Images: how many pictures (500)

    What was fetched when it is stopped is not fetched again.
    Raises BadValue; MediaError, ModelError where something does not come, MissingDependency, Stopped.
    """
    wanted = entry(name)
    if wanted.how != "open_images" and (classes or most is not None):
        raise BadValue(f'"{name}" is taken whole', hint="classes and most are for open_images_…; delete what is extra")
    if most is not None and most < 1:
        raise BadValue(f"most is {most}, must be 1 or more")
    signal = stop or StopSignal()
    if isinstance(into, Dataset):
        folder = into.lake.location.cache / "zoo"
        found = _brought(wanted, folder, classes, most or MOST, progress, signal)
        ds = into
    else:
        folder = locate(into or name).cache / "zoo"  # of a data set that may not be there yet
        found = _brought(wanted, folder, classes, most or MOST, progress, signal)
        ds = _opened(into or name)
    reports = [
        ds.add(
            path,
            labels=labels,
            format=part.format,
            split=part.split or None,
            media="copy",
            progress=progress,
            stop=signal,
        )
        for part, path, labels in found
    ]
    shutil.rmtree(folder, ignore_errors=True)
    known = ds.schema.field("ground_truth").classes
    if renamed := {old: new for old, new in wanted.class_names if old in known and new not in known}:
        ds.fields.rename_classes("ground_truth", renamed)
    return Taken(ds, tuple(reports))


def _brought(
    wanted: PublicSet, folder: Path, classes: Sequence[str], most: int, progress: Progress, stop: StopSignal
) -> list[tuple[Part, Path, str | None]]:
    """For each part what is to be added: pictures, and labels where they lie elsewhere."""
    made = File("")
    if wanted.how == "trees":
        return [(Part(made, "voc"), bring.trees(wanted.page.removeprefix("wheel:"), folder), None)]
    if wanted.how == "digits":
        return [(Part(made, "imagefolder"), bring.digits(folder), None)]
    if wanted.how == "open_images":
        split = wanted.name.rpartition("_")[2]
        place = bring.open_images(split, folder, classes, most, progress, stop)
        return [(Part(made, "open_images", split=split), place, None)]
    return [
        (
            part,
            bring.download(part.pictures, folder, progress, stop),
            f"{bring.download(part.labels, folder, progress, stop)}/{part.member}" if part.labels else None,
        )
        for part in wanted.parts
    ]


def _opened(where: Where) -> Dataset:
    try:
        return open_dataset(where)
    except DatasetNotFound:
        return create(where)
