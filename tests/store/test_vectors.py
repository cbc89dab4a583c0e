"""Embeddings in the lake, and the matrix that they are read as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import loopline as ll
from loopline.errors import BadValue, SchemaError, UnknownField
from loopline.store.vector_cache import vectors
from loopline.store.vectors import Embedding, drop_embedding, embedding, embeddings, put_vectors, write_vectors


def made(tmp_path: Path, count: int = 6) -> ll.Dataset:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(count):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(pictures / f"{i}.png")
    ds = ll.create(tmp_path / "set")
    ds.add(pictures)
    return ds


def key(name: str = "small", dimension: int = 4, owner: str = "sample") -> Embedding:
    return Embedding(name, owner, "a model", "f00", dimension, normalised=False)


def test_vectors_come_back_by_rising_id_as_a_read_only_map_of_a_file(tmp_path: Path) -> None:
    ds = made(tmp_path)
    ids = ds.view().ids()[::-1].copy()
    matrix = np.random.default_rng(0).normal(size=(len(ids), 4)).astype(np.float16)
    write_vectors(ds.lake, key(), ids, matrix)
    found, got = vectors(ds.lake, "small")
    assert found.tolist() == sorted(ids.tolist())
    assert (got == matrix[::-1]).all()
    assert isinstance(got, np.memmap)
    assert not got.flags.writeable
    assert not found.flags.writeable
    again = vectors(ds.lake, "small")
    assert again[1] is got


def test_a_deleted_sample_takes_its_vector_out_and_an_earlier_snapshot_still_has_it(tmp_path: Path) -> None:
    ds = made(tmp_path)
    ids = ds.view().ids()
    write_vectors(ds.lake, key(), ids, np.ones((len(ids), 4)))
    before = ds.snapshot
    ds.delete([int(ids[2])])
    assert ids[2] not in vectors(ds.lake, "small")[0]
    assert vectors(ds.lake, "small", snapshot=before)[0].tolist() == ids.tolist()


def test_a_vector_that_is_put_again_is_replaced(tmp_path: Path) -> None:
    ds = made(tmp_path)
    ids = ds.view().ids()
    write_vectors(ds.lake, key(), ids, np.zeros((len(ids), 4)))
    vectors(ds.lake, "small")
    ds.lake.commit("embed", lambda tx: put_vectors(tx, key(), ids[:2], np.full((2, 4), 7.0)))
    found, matrix = vectors(ds.lake, "small")
    assert found.tolist() == ids.tolist()
    assert matrix[:, 0].tolist() == [7, 7, 0, 0, 0, 0]


def test_keys_are_listed_and_dropped(tmp_path: Path) -> None:
    ds = made(tmp_path)
    assert embeddings(ds.lake) == []
    with pytest.raises(UnknownField, match="make one first"):
        embedding(ds.lake, "small")
    write_vectors(ds.lake, key(), ds.view().ids()[:1], np.ones((1, 4)))
    write_vectors(ds.lake, key("other"), ds.view().ids()[:0], np.ones((0, 4)))
    assert [e.key for e in embeddings(ds.lake)] == ["small", "other"]
    assert vectors(ds.lake, "other")[1].shape == (0, 4)
    with pytest.raises(UnknownField, match='did you mean "small"'):
        vectors(ds.lake, "smal")
    with pytest.raises(BadValue, match="already"):
        write_vectors(ds.lake, key("Small"), ds.view().ids()[:1], np.ones((1, 4)))
    drop_embedding(ds.lake, "small")
    assert [e.key for e in embeddings(ds.lake)] == ["other"]


@pytest.mark.parametrize(
    ("vectors_", "what"),
    [(np.ones((6, 3)), "shape"), (np.full((6, 4), np.nan), "finite"), (np.full((6, 4), 1e6), "finite")],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, vectors_: np.ndarray, what: str) -> None:
    ds = made(tmp_path)
    with pytest.raises(BadValue, match=what):
        write_vectors(ds.lake, key(), ds.view().ids(), vectors_)
    assert embeddings(ds.lake) == []


def test_a_bad_key_or_field_is_refused(tmp_path: Path) -> None:
    ds = made(tmp_path, 1)
    with pytest.raises(SchemaError):
        write_vectors(ds.lake, key("no good"), ds.view().ids(), np.ones((1, 4)))
    with pytest.raises(UnknownField):
        write_vectors(ds.lake, key(owner="nothing"), ds.view().ids(), np.ones((1, 4)))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(6)), st.integers(1, 5))
def test_order_and_number_of_writes_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int
) -> None:
    ds = made(tmp_path_factory.mktemp("vectors"))
    ids = ds.view().ids()[order]
    matrix = np.array(order)[:, None] * np.ones((1, 4))
    write_vectors(ds.lake, key(), ids[:cut], matrix[:cut])
    ds.lake.commit("embed", lambda tx: put_vectors(tx, key(), ids[cut:], matrix[cut:]))
    found, got = vectors(ds.lake, "small")
    assert (got[:, 0] == np.arange(6)).all()
    assert found.tolist() == sorted(ids.tolist())
