"""A PostgreSQL catalog, with files in a folder or on an object store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import DatasetExists, DatasetNotFound, StoreError
from loopline.kernel.schema import Column
from loopline.store import catalogs, edits, reshape, tags, versions
from loopline.store.diff import blame, diff
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.location import locate
from loopline.store.upkeep import upkeep
from tests import services
from tests.store import worlds
from tests.store.test_upkeep import lives_through_foreign_upkeep
from tests.store.worlds import state


def round_trip(url: str, data: str) -> None:
    """Every kind of verb, closed and opened in between."""
    with pytest.raises(DatasetNotFound):
        Lake.open(locate(url))
    with Lake.create(locate(url), data=data) as lake:
        ingest(lake, worlds.events(worlds.paths(100)))
        ugly = worlds.one_box(0, label="naïve 'x' \\ 🌧", mask=b"\x00\xff'", score=float("nan"), track_id=-(2**63))
        ugly = ugly.append_column("polygons", pa.array([[[0.1, float("inf")], []]], pa.list_(pa.list_(pa.float64()))))
        edits.add_objects(lake, "truth", ugly)
        versions.name_version(lake, "v1")
        wanted = state(lake)
        assert {
            k: v for k, v in wanted["fields"]["truth"][max(wanted["fields"]["truth"])].items() if k in ugly.column_names
        } == {name: worlds.plain(value) for name, value in ugly.to_pylist()[0].items()}
    with Lake.open(locate(url)) as lake:
        assert state(lake) == wanted
        with pytest.raises(DatasetExists):
            Lake.create(lake.location, data=data)
        reshape.add_attribute(lake, "truth", Column("size", "int", default=1))
        edits.edit_objects(lake, "truth", pa.table({"id": [0], "label": ["cow"]}))
        tags.add_tags(lake, "sample", np.arange(3), ["t"])
        edits.delete_samples(lake, np.arange(50))
        found = diff(lake, versions.resolve(lake, "v1"), lake.snapshot())
        assert (found.samples.removed, found.fields["truth"].removed) == (50, 101)
        assert [c.change for c in blame(lake, "truth", 0)] == ["removed", "changed", "changed", "added"]
        changed = state(lake)
        upkeep(lake, grace=dt.timedelta(0))
        assert state(lake) == changed
        versions.restore(lake, "v1")
        assert state(lake) == wanted


def test_a_data_set_lives_in_postgresql_and_a_folder(postgres_database: str, tmp_path: Path) -> None:
    round_trip(f"{postgres_database}/team", str(tmp_path / "files"))
    assert catalogs.postgres_names(postgres_database) == ["team"]
    with Lake.open(locate(f"{postgres_database}/team")) as lake:
        lives_through_foreign_upkeep(lake)
        catalogs.drop_postgres(lake)
    assert catalogs.postgres_names(postgres_database) == []
    assert not list((tmp_path / "files").rglob("*.parquet"))


def test_a_data_set_lives_in_postgresql_and_on_an_object_store(
    postgres_database: str, s3_env: services.S3Server
) -> None:
    round_trip(f"{postgres_database}/team", f"s3://{s3_env.bucket}/some/prefix")


def test_a_folder_catalog_keeps_its_files_on_an_object_store(tmp_path: Path, s3_env: services.S3Server) -> None:
    with Lake.create(locate(tmp_path / "d"), data=f"s3://{s3_env.bucket}/other") as lake:
        ingest(lake, worlds.events(worlds.paths(100)))
        wanted = state(lake)
    with Lake.open(locate(tmp_path / "d")) as lake:
        assert state(lake) == wanted
    with pytest.raises(StoreError, match="not empty"):
        Lake.create(locate(tmp_path / "e" / "d"), data=f"s3://{s3_env.bucket}/other")


def test_a_password_does_not_reach_an_error(postgres_url: str) -> None:
    url = postgres_url.replace("postgres@", "postgres:sesame@").replace("/postgres", "/nowhere")
    with pytest.raises(StoreError) as caught:
        Lake.open(locate(f"{url}/team"))
    assert "sesame" not in str(caught.value)
    assert "nowhere" in str(caught.value)


def test_a_catalog_needs_a_place_for_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOPLINE_DATA", raising=False)
    with pytest.raises(StoreError, match="all its users can reach"):
        Lake.create(locate("postgresql://postgres@127.0.0.1:1/db/team"))
