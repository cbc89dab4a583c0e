"""What a catalog says at a glance is what the open data set holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loopline.front.dataset import Dataset
from loopline.store import edits, reshape, tags, versions
from loopline.store.glance import Glance, glance
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.location import FolderLocation
from loopline.store.upkeep import upkeep
from tests.store import worlds


def by_opening(lake: Lake) -> Glance:
    ds = Dataset(lake)
    info = ds.info()
    return Glance(info.snapshot, ds.log(1)[0].at, info.samples, sum(info.objects.values()), len(info.versions))


def test_a_glance_sees_what_opening_does_through_a_whole_life(tmp_path: Path) -> None:
    """Rows in files, in the catalog, deleted from either, a field dropped, and after upkeep. Random lives: test_laws."""
    with worlds.make(tmp_path / "it's here") as lake:
        assert glance(lake.location) == by_opening(lake)
        ingest(lake, worlds.events(worlds.paths(100), 2))
        versions.name_version(lake, "v1")
        ingest(lake, worlds.events(worlds.paths(3, 100), 1))
        edits.delete_samples(lake, np.array([2, 3]))
        seen = glance(lake.location)
        assert seen == by_opening(lake)
        assert seen is not None
        assert (seen.samples, seen.objects, seen.versions) == (101, 199, 1)
        reshape.add_field(lake, worlds.LabelField("extra", "box"))
        tags.add_tags(lake, "sample", np.arange(5), ["todo"])
        upkeep(lake)
        assert glance(lake.location) == by_opening(lake)
        reshape.drop_field(lake, "truth")
        assert glance(lake.location) == by_opening(lake)


@pytest.mark.parametrize("content", [b"", b"no catalog of anything"])
def test_what_is_no_catalog_gives_no_glance(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    assert glance(FolderLocation(tmp_path)) is None
