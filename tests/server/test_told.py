"""What is different about a sample is told in words, and which objects differ."""

from __future__ import annotations

import loopline as ll
from loopline.kernel.schema import Column
from loopline.server.told import told


def test_every_kind_of_change_has_its_words(ds: ll.Dataset) -> None:
    before = ds.snapshot
    first, second, third, *_ = (int(i) for i in ds.where("truth.count() > 0").ids())
    on = {
        sample: ds.select([sample]).objects("truth").to_arrow(["id", "label", "x"]).to_pylist()
        for sample in (first, second, third)
    }
    ds.labels.edit("truth", [{"id": on[first][0]["id"], "x": on[first][0]["x"] + 1}])
    label = on[second][0]["label"]
    other = "bus" if label == "car" else "car"
    ds.labels.edit("truth", [{"id": on[second][0]["id"], "label": other}])
    weather = ds.select([second]).to_arrow(["weather"])["weather"][0].as_py()
    turned = "rain" if weather == "sun" else "sun"
    ds.set("weather", turned, at=ds.select([second]))
    ds.labels.delete("truth", [on[third][0]["id"]])
    ds.fields.add_attribute("truth", Column("hidden", "bool"))
    ds.labels.edit("truth", [{"id": on[third][-1]["id"], "hidden": True}])

    said, objects = told(ds.diff(before), lambda at: ds.at(at).view(), [first, second, third])
    assert said == [
        ["truth: 1 moved"],
        [f"weather {weather} → {turned}", f"truth: label {label} → {other}"],
        ["truth: 1 removed, hidden none → true"],
    ]
    assert objects == {
        "truth": sorted({on[first][0]["id"], on[second][0]["id"], on[third][0]["id"], on[third][-1]["id"]})
    }


def test_added_samples_and_whole_fields_are_counted(ds: ll.Dataset) -> None:
    before = ds.snapshot
    (sample, *_) = (int(i) for i in ds.where("truth.count() > 0").ids())
    had = ds.select([sample]).objects("truth").count()
    ds.fields.drop("truth")
    said, _ = told(ds.diff(before), lambda at: ds.at(at).view(), [sample])
    assert said == [[f"truth: {had} removed"]]
