"""The parts of a map: colours by value, the view's own points, in the order of the points."""

from __future__ import annotations

import numpy as np

import loopline as ll
from loopline.server.frames import read_frame
from loopline.store.vectors import Embedding, write_vectors
from tests.server.conftest import Browser


def _embedded(ds: ll.Dataset, owner: str = "sample") -> None:
    ids = ds.view().ids() if owner == "sample" else ds.objects(owner).ids()
    matrix = np.random.default_rng(0).standard_normal((len(ids), 4)).astype(np.float32)
    write_vectors(ds.lake, Embedding("v", owner, "made up", "1", 4, False), ids, matrix)


def _parts(browser: Browser, **body: object) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    answer = browser.client.post(f"/api/d/{browser.name}/points/v/parts", json=body)
    assert answer.status_code == 200, answer.text
    points = browser.client.get(f"/api/d/{browser.name}/points/v")
    header, columns = read_frame(answer.content)
    return header, {**columns, "id": read_frame(points.content)[1]["id"].astype(np.int64)}


def test_each_point_has_the_value_of_its_sample(ds: ll.Dataset, browser: Browser) -> None:
    _embedded(ds)
    header, found = _parts(browser, by="weather", view={"where": "weather == 'rain'"})
    assert (header["values"], header["counts"]) == (["sun", "rain"], [8, 4])
    rain = set(ds.where("weather == 'rain'").ids().tolist())
    assert [i in rain for i in found["id"].tolist()] == (found["part"] == 1).tolist()
    assert (found["view"] == found["part"]).all()
    assert (found["sample"] == found["id"]).all()


def test_a_label_field_colours_by_the_class_a_sample_has_most_of(ds: ll.Dataset, browser: Browser) -> None:
    _embedded(ds)
    header, found = _parts(browser, by="truth")
    empty = set(ds.where("truth.count() == 0").ids().tolist())
    assert (header["values"], header["counts"]) == (["car"], [9])
    assert {int(i) for i in found["id"][found["part"] == 255]} == empty
    assert found["view"].all()


def test_objects_have_classes_and_samples(ds: ll.Dataset, browser: Browser) -> None:
    _embedded(ds, "truth")
    bus = {"field": "truth", "where": "label == 'bus'"}
    header, found = _parts(browser, by="label", view={"objects": "truth", "keep": [bus]})
    buses = set(ds.objects("truth").where("label == 'bus'").ids().tolist())
    assert {int(i) for i in found["id"][found["view"] == 1]} == buses
    assert header["counts"] == [int((found["part"] == k).sum()) for k in range(2)]
    rows = ds.objects("truth").to_arrow(["id", "sample_id"])
    owner = dict(zip(rows["id"].to_pylist(), rows["sample_id"].to_pylist(), strict=True))
    assert [owner[i] for i in found["id"].tolist()] == found["sample"].astype(int).tolist()
