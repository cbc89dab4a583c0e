"""Pictures that are in an archive, as the app shows them."""

from __future__ import annotations

import shutil
from pathlib import Path

import loopline as ll
from loopline.server.pictures import read_records
from tests.server.conftest import Browser


def test_pictures_in_an_archive_are_shown(ds: ll.Dataset, browser: Browser, made_once: Path, tmp_path: Path) -> None:
    pictures = made_once.parent / "pictures"
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", pictures)
    ds.add(archive)
    (sample,) = ds.where("path == 'p03.jpg'").to_arrow(["id", "root"]).to_pylist()[1:]
    assert sample["root"] == archive
    answer = browser.client.get(f"/api/d/{ds.name}/media/{sample['id']}")
    assert answer.content == (pictures / "p03.jpg").read_bytes()
    thumbs = browser.client.post(f"/api/d/{ds.name}/thumbs", json={"ids": [sample["id"]], "size": 128})
    ((_, _, small),) = read_records(thumbs.content)
    assert small.startswith(b"\xff\xd8")
