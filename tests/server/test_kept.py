"""What is kept by key: bounded by bytes, and apart for each data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from litestar.testing import TestClient
from PIL import Image

import loopline as ll
from loopline.server.app import make_app
from loopline.server.kept import Kept, KeptApart
from loopline.server.library import Library
from loopline.server.safety import Rules
from tests.server.conftest import Browser


def numbers(value: int, count: int = 4) -> np.ndarray:
    return np.full(count, value, np.int64)


def test_two_parts_of_one_store_do_not_see_each_other() -> None:
    shared = Kept()
    one, other = KeptApart(shared), KeptApart(shared)
    assert one.get("samples", lambda: numbers(1))[0] == 1
    assert other.peek("samples") is None
    assert other.get("samples", lambda: numbers(2))[0] == 2
    assert one.get("samples", lambda: numbers(3))[0] == 1


def test_parts_share_one_limit_of_bytes() -> None:
    shared = Kept(max_bytes=80)
    one, other = KeptApart(shared), KeptApart(shared)
    for key in range(3):
        one.get(key, lambda: numbers(1))
        other.get(key, lambda: numbers(2))
    assert shared.nbytes == 64
    assert one.peek(0) is None
    assert one.peek(2) is not None


def small(folder: Path, labels: tuple[str, ...]) -> ll.Dataset:
    """As many samples as labels; the same writes in the same order, so tables have the same number and state."""
    (folder / "pictures").mkdir(parents=True)
    for i in range(len(labels)):
        Image.new("RGB", (32, 32), (20 * i, 0, 0)).save(folder / "pictures" / f"{i}.png")
    ds = ll.create(folder / folder.name)
    ds.add(folder / "pictures")
    ds.fields.add("truth", "box", classes=("car", "bus"))
    rows = [
        {"sample_id": int(sample), "label": label, "x": 1.0, "y": 1.0, "w": 8.0, "h": 8.0}
        for sample, label in zip(ds.view().ids(), labels, strict=True)
    ]
    ds.labels.add("truth", rows)
    return ds


def test_counts_of_one_data_set_are_not_given_for_another(tmp_path: Path) -> None:
    with (
        small(tmp_path / "first", ("car", "car", "bus")) as first,
        small(tmp_path / "second", ("bus", "bus", "bus")) as second,
        TestClient(make_app(Library([first, second]), Rules()), base_url="http://127.0.0.1:5151") as client,
    ):
        counts = [counted(Browser(client, ds.name)) for ds in (first, second)]
    assert counts == [{"car": 2, "bus": 1}, {"bus": 3}]


def counted(browser: Browser) -> dict[str, int]:
    """Objects by class, as the filters show them."""
    (facet,) = browser.post("facets", controls=[{"of": "truth.label", "limit": 5}])
    return {value: count for value, count in zip(facet["values"], facet["view"], strict=True) if count}
