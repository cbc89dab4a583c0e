"""Charts of real reports, drawn in each way."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.charts import Bars, Chart, Lines, Matrix, Series, Table, to_json
from loopline.kernel.detections import detections
from loopline.metrics import calibration, charts, coco, errors, fates, ranking, slices
from loopline.metrics.bootstrap import bootstrap
from loopline.metrics.next_steps import next_steps
from loopline.metrics.resample_coco import weighed
from loopline.plots.matplotlib import matplotlib_figure
from loopline.plots.page import html_page
from loopline.plots.plotly import plotly_figure

RNG = np.random.default_rng(0)
CLASSES = ("cat", "dog </script>", "owl")


def report_of(noise: float) -> coco.CocoReport:
    """40 pictures with three boxes each, found with this much noise."""
    sample = np.repeat(np.arange(1, 41), 3)
    box = np.hstack([np.tile([[0.0, 0], [100, 0], [200, 0]], (40, 1)), RNG.uniform(20, 60, (120, 2))])
    label = RNG.integers(0, 3, 120)
    truth = detections(sample, box, label, classes=CLASSES)
    seen = box + RNG.normal(0, noise, box.shape)
    wrong = RNG.random(120) < 0.2
    predicted = detections(
        sample, np.abs(seen), np.where(wrong, (label + 1) % 3, label), classes=CLASSES, score=RNG.random(120)
    )
    return coco.evaluate(truth, predicted)


@pytest.fixture(scope="module")
def reports() -> dict[str, coco.CocoReport]:
    return {"first": report_of(1), "second": report_of(4)}


@pytest.fixture(scope="module")
def drawn(reports: dict[str, coco.CocoReport]) -> list[Chart]:
    first = reports["first"]
    matched = first.matched
    area = slices.by_quantiles("box.area", matched.truth.area, matched.predicted.area, parts=3)
    right = fates.fates(matched).det == 0
    score = matched.predicted.scores()
    return [
        charts.precision_recall(reports),
        charts.precision_recall(reports, iou=None, label="cat"),
        charts.roc({"first": ranking.roc_curve(right, score)}),
        charts.reliability_diagram({"first": calibration.reliability(score, right)}),
        charts.by_class({n: {k: v["AP"] for k, v in coco.per_class(r).items()} for n, r in reports.items()}),
        charts.error_gains({n: errors.error_report(r.matched) for n, r in reports.items()}),
        charts.slice_bars(slices.measure(first, area), whole=first.numbers()["AP"]),
        charts.intervals(bootstrap(weighed(first), rng=np.random.default_rng(0), replicates=20).numbers),
        charts.confusion_matrix(errors.confusion(matched.truth, matched.predicted)),
        charts.numbers_table({n: r.numbers() for n, r in reports.items()}),
        charts.steps_table(next_steps(first)),
    ]


def test_every_chart_is_drawn_by_plotly_in_both_themes(drawn: list[Chart]) -> None:
    for chart in drawn:
        for theme in ("dark", "light"):
            figure = plotly_figure(chart, theme=theme)
            assert figure.layout.title.text == chart.title
            assert len(figure.data) >= 1


def test_every_chart_is_drawn_by_matplotlib(drawn: list[Chart]) -> None:
    for chart in drawn:
        out = io.BytesIO()
        matplotlib_figure(chart).savefig(out, format="png", dpi=40)
        assert out.getvalue().startswith(b"\x89PNG")


def test_both_draw_the_same_numbers(drawn: list[Chart]) -> None:
    for chart in drawn:
        if isinstance(chart, Lines):
            ours = [one.y for one in chart.series]
            axes = matplotlib_figure(chart).axes[0]
            theirs = [line.get_ydata() for line in axes.lines if line.get_label() in {one.name for one in chart.series}]
            named = [trace.y for trace in plotly_figure(chart).data if trace.name in {one.name for one in chart.series}]
            for a, b, c in zip(ours, theirs, named, strict=True):
                np.testing.assert_array_equal(a, b)
                np.testing.assert_array_equal(a, c)


def test_every_chart_is_plain_json(drawn: list[Chart]) -> None:
    for chart in drawn:
        assert json.loads(json.dumps(to_json(chart), allow_nan=False))["title"] == chart.title


def test_the_page_needs_nothing_from_elsewhere_and_no_name_ends_its_script(drawn: list[Chart]) -> None:
    page = html_page("a <b> & c", facts={"version": "v1 <i>"}, charts=drawn)
    assert "<h1>a &lt;b&gt; &amp; c</h1>" in page
    assert "v1 &lt;i&gt;" in page
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=""", page)
    assert page.count("</script>") == 2
    assert page.count("<div id=") == sum(not isinstance(chart, Table) for chart in drawn)


def test_the_first_report_is_what_the_others_are_compared_with() -> None:
    table = charts.numbers_table({"a": {"AP": 0.25}, "b": {"AP": 0.5, "AR": 1.0}})
    assert table.columns == ("", "a", "b", "b − a")
    assert table.rows[0] == ("AP", 0.25, 0.5, 0.25)
    assert table.rows[1][0] == "AR"
    assert np.isnan(table.rows[1][1])


def test_of_many_classes_the_lowest_are_drawn_and_the_title_says_so() -> None:
    values = {f"c{i:02}": i / 100 for i in range(60)} | {"nothing": float("nan")}
    chart = charts.by_class({"one": values}, most=10)
    assert chart.names == tuple(f"c{i:02}" for i in range(10))
    assert "50 more are not drawn" in chart.title


def test_of_many_classes_the_most_confused_stay_in_the_matrix() -> None:
    counts = np.diag(np.full(101, 5))
    counts[70, 3] = 9
    matrix = charts.confusion_matrix(errors.Confusion(tuple(f"c{i}" for i in range(100)), counts), most=5)
    assert {"c3", "c70", "background"} < set(matrix.rows)
    assert matrix.counts[matrix.rows.index("c70"), matrix.columns.index("c3")] == 9


def test_a_series_whose_columns_differ_in_length_is_refused() -> None:
    with pytest.raises(BadValue, match='"s" has 2 points and 3 values'):
        Series("s", np.zeros(2), np.zeros(3))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(st.integers(0, 50), min_size=n, max_size=n), min_size=1)))
def test_the_shares_of_a_row_add_up_to_one(rows: list[list[int]]) -> None:
    counts = np.array(rows)
    names = tuple(map(str, range(counts.shape[1])))
    shares = Matrix("m", "r", "c", tuple(map(str, range(len(rows)))), names, counts).shares()
    for row, total in zip(shares, counts.sum(axis=1), strict=True):
        assert np.isnan(row).all() if total == 0 else row.sum() == pytest.approx(1)


def test_an_empty_chart_is_drawn_too(tmp_path: Path) -> None:
    for chart in (Bars("none", "AP", (), ()), Lines("none", "x", "y", ()), Table("none", ("a",), ())):
        plotly_figure(chart)
        matplotlib_figure(chart).savefig(tmp_path / "none.pdf")
