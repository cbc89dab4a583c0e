"""Media that an import names and that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loopline as ll


@pytest.mark.parametrize("others", [0, 40])  # few are asked for one by one, many looked for in the folder's list
def test_a_picture_whose_name_is_too_long_for_a_file_is_reported_and_does_not_stop_an_import(
    tmp_path: Path, others: int
) -> None:
    names = ["a" * 300 + ".jpg", "b\u00e9" * 100 + ".jpg", *(f"{i}.jpg" for i in range(others))]
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    file = tmp_path / "labels.json"
    box = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4]}
    file.write_text(
        json.dumps({"images": images, "annotations": [box], "categories": [{"id": 1, "name": "cat"}]}), encoding="utf-8"
    )
    with ll.create(tmp_path / "set") as ds:
        report = ds.add(file)
        assert (report.samples_added, report.unreadable) == (len(names), len(names))
        assert report.counts["warning", "media not readable: no such file"] == len(names)
