"""Hugging Face data sets on disk."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import huggingface, registry
from tests.formats.worlds import files_in, plain, read, told


def picture(colour: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 6), colour).save(out, format="PNG")
    return out.getvalue()


FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["day", "night"], "_type": "ClassLabel"},
    "objects": {
        "bbox": {"feature": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "List"}, "_type": "List"},
        "category": {"feature": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "_type": "List"},
    },
}
ROWS: list[dict[str, Any]] = [
    {
        "image": {"bytes": picture(1), "path": "a.png"},
        "label": 1,
        "width": 8,
        "height": 6,
        "source": "web",
        "objects": {
            "bbox": [[1.0, 2.0, 3.0, 2.5], [0.0, 0.0, 1.0, 1.0]],
            "category": [0, 1],
            "id": [7, 8],
            "area": [7.5, 1.0],
        },
    },
    {
        "image": {"bytes": picture(2), "path": "a.png"},
        "label": 0,
        "width": 8,
        "height": 6,
        "source": None,
        "objects": {"bbox": [], "category": [], "id": [], "area": []},
    },
]


def arrow(folder: Path, rows: list[dict[str, Any]] = ROWS, features: Any = FEATURES) -> Path:
    """A folder as `save_to_disk` makes it."""
    folder.mkdir(parents=True)
    made = pa.Table.from_pylist(rows)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as out,
        pa.ipc.new_stream(out, made.schema) as stream,
    ):
        stream.write_table(made)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def plant(base: Path) -> Path:
    arrow(base / "train")
    arrow(base / "validation", ROWS[:1])
    (base / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    return base


def test_pictures_classes_and_boxes_of_every_split_arrive(tmp_path: Path) -> None:
    target = tmp_path / "pictures"
    store = read(huggingface.FORMAT, plant(tmp_path / "in"), extract_to=target)
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {
        "train/a.png": {"split": "train", "width": 8, "height": 6, "source": "web"},
        "train/a_00000001.png": {"split": "train", "width": 8, "height": 6},
        "val/a.png": {"split": "val", "width": 8, "height": 6, "source": "web"},
    }
    box = {"label": "cat", "x": 1.0, "y": 2.0, "w": 3.0, "h": 2.5, "area": 7.5, "id_2": 7}
    assert objects["ground_truth"]["train/a.png"][0] == box
    assert [o["label"] for o in objects["ground_truth"]["train/a.png"]] == ["cat", "dog"]
    assert objects["ground_truth_class"]["train/a_00000001.png"] == [{"label": "day"}]
    assert files_in(target)["train/a_00000001.png"] == picture(2)
    assert plain(read(huggingface.FORMAT, tmp_path / "in", extract_to=target)) == plain(store)


def test_a_parquet_folder_is_read_with_its_own_features(tmp_path: Path) -> None:
    made = pa.Table.from_pylist(ROWS).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    )
    (tmp_path / "data").mkdir()
    pq.write_table(made, tmp_path / "data" / "test-00000-of-00001.parquet")
    with pytest.raises(FormatError, match="extract_to"):
        read(huggingface.FORMAT, tmp_path)
    store = read(huggingface.FORMAT, tmp_path, extract_to=tmp_path / "pictures", boxes="xyxy")
    assert [(r["path"], r["split"]) for r in store.rows] == [("test/a.png", "test"), ("test/a_00000001.png", "test")]
    first = store.objects["ground_truth"][0]
    assert (first["x"], first["y"], first["w"], first["h"]) == (1.0, 2.0, 2.0, 0.5)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    none = {"bytes": None, "path": None}
    rows = [
        {"image": none, "objects": [{"bbox": [1.0, 1.0, 1.0, 1.0], "category": 0}]},
        {"image": {"bytes": None, "path": "../../x.png"}, "objects": []},
        {
            "image": {"bytes": None, "path": "p.png"},
            "objects": [
                {"bbox": [1.0, 1.0], "category": 0},
                {"bbox": [1.0, float("nan"), 1.0, 1.0], "category": 0},
                {"bbox": [1.0, 1.0, -1.0, 1.0], "category": 0},
                {"bbox": [1.0, 1.0, 1.0, 1.0], "category": 9},
            ],
        },
    ]
    folder = arrow(tmp_path / "in", rows, {"objects": [FEATURES["objects"]]})
    store = read(huggingface.FORMAT, folder)
    assert told(store.problems) == [
        ("skipped", "a row without a picture"),
        ("skipped", "a picture's name is empty or leads out of its folder"),
        ("skipped", "a bbox that is not four numbers"),
        ("skipped", "a coordinate is not finite"),
        ("skipped", "a box of negative size"),
    ]
    assert [o["label"] for o in store.objects["ground_truth"]] == ["9"]
    file = folder / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:-200])
    assert told(read(huggingface.FORMAT, folder).problems)[-1] == ("skipped", "the file cannot be read to its end")
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../../x.arrow"}]}')
    file.unlink()
    with pytest.raises(FormatError, match="no Arrow or Parquet"):
        read(huggingface.FORMAT, folder)


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "pictures" / "train" / "a.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    store = read(huggingface.FORMAT, plant(tmp_path / "in"), extract_to=tmp_path / "pictures")
    assert told(store.problems) == [("skipped", "another file of the picture's name is there already")]
    assert mine.read_bytes() == b"mine"


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = plant(tmp_path / "a")
    assert huggingface.FORMAT.sniff(base) is not None
    assert huggingface.FORMAT.sniff(base / "train") is not None
    pq.write_table(pa.table({"path": ["a.jpg"]}), tmp_path / "t.parquet")
    assert huggingface.FORMAT.sniff(tmp_path / "t.parquet") is None
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "u.parquet")
    assert huggingface.FORMAT.sniff(tmp_path / "u.parquet") is not None
    assert registry.detect(tmp_path / "u.parquet")[0].name == "huggingface"
