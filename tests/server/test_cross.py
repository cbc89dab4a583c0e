"""Plots of two fields: counts of pairs, held against counting one by one."""

from __future__ import annotations

from collections import Counter

import loopline as ll
from tests.server.conftest import Browser


def test_pairs_are_those_of_the_rows(ds: ll.Dataset, browser: Browser) -> None:
    found = browser.post("cross", x={"of": "weather"}, y={"of": "brightness", "kind": "histogram", "bins": 4})
    (values, edges) = (found["x"]["values"], found["y"]["edges"])
    rows = ds.view().to_arrow(["weather", "brightness"]).to_pylist()
    plain: Counter[tuple[str, int]] = Counter()
    for row in rows:
        if row["brightness"] is not None:
            place = min(3, max(i for i in range(4) if edges[i] <= row["brightness"]))
            plain[row["weather"], place] += 1
    wide = len(values)
    told = {(values[i % wide], i // wide): n for i, n in enumerate(found["counts"]) if n}
    assert told == dict(plain)
    assert (found["inside"], found["outside"], found["field"]) == (11, 1, "")


def test_a_sample_counts_for_each_of_its_objects(ds: ll.Dataset, browser: Browser) -> None:
    found = browser.post("cross", x={"of": "truth.label"}, y={"of": "weather"}, view={"where": "weather == 'rain'"})
    rows = ds.where("weather == 'rain'").objects("truth").to_arrow(["label"]).to_pylist()
    plain = Counter(row["label"] for row in rows)
    wide, rain = len(found["x"]["values"]), found["y"]["values"].index("rain")
    assert {found["x"]["values"][i]: found["counts"][rain * wide + i] for i in range(wide)} == dict(plain)
    assert found["field"] == "truth"


def test_a_choice_on_an_axis_does_not_hide_its_alternatives(browser: Browser) -> None:
    view = {"filters": [{"control": "weather", "where": "weather == 'rain'"}]}
    axes = {"x": {"of": "weather"}, "y": {"of": "split"}}
    assert browser.post("cross", view=view, **axes) == browser.post("cross", **axes)
    tags = browser.post("cross", x={"of": "tags"}, y={"of": "weather"})
    assert sum(tags["counts"]) == 2


def test_what_has_no_rows_in_common_says_so(browser: Browser) -> None:
    problem = browser.problem("cross", x={"of": "truth.label"}, y={"of": "predictions.label"})
    assert "no rows in common" in problem["detail"]
    assert "against tags" in browser.problem("cross", x={"of": "tags"}, y={"of": "tags"})["detail"]
