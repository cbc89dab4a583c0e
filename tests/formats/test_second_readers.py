"""What is written is what another library reads: supervision on YOLO, Pascal VOC and COCO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loopline.formats import coco, voc, yolo
from tests.formats.memory_store import MemoryStore
from tests.formats.test_support import base
from tests.formats.worlds import written


def read_by_supervision(name: str, store: MemoryStore, folder: Path) -> Any:
    dataset = pytest.importorskip("supervision", reason="a second reader").DetectionDataset
    media = str(folder.parent / "media")
    if name == "yolo":
        written(yolo.FORMAT, store, folder, media="copy")
        places = [str(folder / inner / "unsplit") for inner in ("images", "labels")]
        return dataset.from_yolo(*places, str(folder / "data.yaml"))
    if name == "voc":
        written(voc.FORMAT, store, folder)
        return dataset.from_pascal_voc(media, str(folder / "Annotations"))
    written(coco.FORMAT, store, folder / "labels.json")
    return dataset.from_coco(media, str(folder / "labels.json"))


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_supervision_reads_the_boxes_that_are_written(tmp_path: Path, name: str) -> None:
    store = base(tmp_path / "media", name, video=False)
    (tmp_path / "out").mkdir()
    theirs = read_by_supervision(name, store, tmp_path / "out")
    found = [
        (Path(path).name, theirs.classes[code], *(round(float(n), 3) for n in (x0, y0, x1 - x0, y1 - y0)))
        for path, _, labels in theirs
        for (x0, y0, x1, y1), code in zip(labels.xyxy, labels.class_id, strict=True)
    ]
    names = {row["id"]: row["path"] for row in store.rows}
    mine = [(names[r["sample_id"]], r["label"], r["x"], r["y"], r["w"], r["h"]) for r in store.objects["ground_truth"]]
    for one, other in zip(sorted(found), sorted(mine), strict=True):
        assert one[:2] == other[:2]
        # supervision counts VOC's pixels from 1, and keeps YOLO's boxes in 32 bits.
        assert one[2:] == pytest.approx(other[2:], abs=1.01 if name == "voc" else 0.01)
