"""Looking: what the browser is told is what the query layer says."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

import loopline as ll
from loopline.server.app import make_app
from loopline.server.drawn import share
from loopline.server.library import Library
from loopline.server.pictures import ERROR, PICTURE, Pictures, read_records
from loopline.server.safety import Rules
from tests.server.conftest import SAMPLES, Browser

CONDITIONS = (
    "weather == 'rain'",
    "brightness < 0.55",
    "brightness is None",
    "'todo' in tags",
    "truth.any(label == 'bus')",
    "predictions.any(score > 0.5)",
    "truth.count() >= 2",
    "width > 80 and truth.all(label == 'car')",
)
KEEPS = (("truth", "label == 'bus'"), ("predictions", "score > 0.4"), ("predictions", "label == 'car'"))
SORTS = ("", "-brightness", "weather, -width", "-truth.count()", "path")


@st.composite
def specs(draw: st.DrawFn) -> dict[str, object]:
    filters = draw(st.lists(st.sampled_from(CONDITIONS), max_size=2))
    return {
        "where": draw(st.sampled_from(("", *CONDITIONS))),
        "filters": [{"control": f"c{i}", "where": text} for i, text in enumerate(filters)],
        "keep": [{"field": f, "where": w} for f, w in draw(st.lists(st.sampled_from(KEEPS), max_size=2, unique=True))],
        "sort": draw(st.sampled_from(SORTS)),
    }


def as_view(ds: ll.Dataset, spec: dict, *sort: str) -> ll.View:
    """The same with the query layer's own verbs. Conditions and sort keys see all objects."""
    view = ds.view()
    for text in [spec["where"], *(f["where"] for f in spec["filters"])]:
        view = view.where(text) if text else view
    view = view.sort(*sort) if sort else view
    for keep in spec["keep"]:
        view = view.keep(keep["field"], keep["where"])
    return view


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs())
def test_a_view_is_what_the_query_layer_says(ds: ll.Dataset, browser: Browser, spec: dict) -> None:
    ordered = as_view(ds, spec, *(key.strip() for key in spec["sort"].split(",") if key.strip()))
    told = browser.post("view", view=spec)
    page = browser.columns("page", view=spec, offset=0, count=100)
    assert told["count"] == ordered.count()
    assert page["id"].tolist() == ordered.ids().tolist()
    for field in ("truth", "predictions"):
        ids = ordered.page(0, 100).labels[field]["id"].to_pylist()
        assert page[f"{field}.id"].tolist() == ids
        assert told["objects"][field] == len(ids)
    assert len(browser.columns("layout", view=spec)["aspect"]) == told["count"]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs(), st.sampled_from(["truth", "predictions"]))
def test_objects_as_tiles_are_those_of_the_query_layer(
    ds: ll.Dataset, browser: Browser, spec: dict, field: str
) -> None:
    spec = {**spec, "sort": "-box.area, label", "objects": field}
    wanted = as_view(ds, spec).objects(field).sort("-box.area", "label").ids()
    page = browser.columns("page", view=spec, offset=0, count=500)
    assert page["object.id"].tolist() == wanted.tolist()
    assert page["object.box"].shape == (4 * len(wanted),)
    assert browser.post("view", view=spec)["count"] == len(wanted)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs(), st.sampled_from(["weather", "tags", "truth.label", "width", "predictions.label"]))
def test_a_facet_has_the_counts_of_the_query_layer(ds: ll.Dataset, browser: Browser, spec: dict, of: str) -> None:
    (facet,) = browser.post("facets", view=spec, controls=[{"of": of}])
    for layer, view in (("total", ds.view()), ("view", as_view(ds, spec))):
        table = view.facets(of, limit=None)
        wanted = {
            v: c for v, c in zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True) if v is not None
        }
        got = {v: c for v, c in zip(facet["values"], facet[layer], strict=True) if c}
        assert got == wanted


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs(), st.sampled_from(["brightness", "predictions.score", "truth.box.rel_area"]), st.integers(1, 30))
def test_a_histogram_has_the_counts_of_the_query_layer(
    ds: ll.Dataset, browser: Browser, spec: dict, of: str, bins: int
) -> None:
    (facet,) = browser.post("facets", view=spec, controls=[{"of": of, "kind": "histogram", "bins": bins}])
    everything = ds.view().histogram(of, bins=bins)
    limits = (float(everything.edges[0]), float(everything.edges[-1]))
    inside = as_view(ds, spec).histogram(of, bins=bins, range=limits)
    np.testing.assert_allclose(facet["edges"], everything.edges)
    assert facet["total"] == everything.counts.tolist()
    assert facet["view"] == inside.counts.tolist()
    assert facet["missing"] == {"total": everything.missing, "view": inside.missing}


def test_a_control_does_not_narrow_itself(browser: Browser) -> None:
    spec = {
        "where": "width > 70",
        "filters": [
            {"control": "weather", "where": "weather == 'rain'"},
            {"control": "brightness", "where": "brightness < 0.7"},
        ],
    }
    weather, brightness = browser.post("facets", view=spec, controls=[{"of": "weather"}, {"of": "brightness"}])
    assert dict(zip(weather["values"], weather["view"], strict=True))["sun"] == 4
    assert sum(brightness["view"]) == 3
    assert sum(weather["total"]) == SAMPLES


def test_a_control_that_makes_no_sense_does_not_take_the_others_with_it(browser: Browser) -> None:
    bad, good = browser.post("facets", controls=[{"of": "wether"}, {"of": "weather"}])
    assert "weather" in bad["error"]["hint"]
    assert good["error"] is None
    assert good["distinct"] == 2


def test_boxes_are_shares_of_the_picture(ds: ll.Dataset, browser: Browser) -> None:
    page = browser.columns("page", view={}, offset=0, count=SAMPLES)
    rows = ds.view().page(0, SAMPLES).labels["truth"]
    x, y, w, h = (rows[name].to_numpy() for name in ("x", "y", "w", "h"))
    wide, high = (page[name][page["truth.sample"]].astype(float) for name in ("width", "height"))
    wanted = np.column_stack((share(x, wide), share(y, high), share(x + w, wide), share(y + h, high)))
    np.testing.assert_array_equal(page["truth.box"].reshape(-1, 4), wanted)
    assert set(page["truth.class"].tolist()) == {0, 1}
    assert np.isnan(page["truth.score"]).all()


def test_a_page_reads_the_same_from_memory_and_from_the_store(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"view": {"keep": [{"field": "predictions", "where": "score > 0.2"}], "sort": "-width"}, "count": 9}
    quick = browser.columns("page", **body)
    monkeypatch.setattr("loopline.server.ready.MOST", 0)
    slow = browser.columns("page", **body)
    assert quick.keys() | {"truth.mask"} >= slow.keys() - {"truth.mask", "predictions.mask"}
    for name, column in quick.items():
        np.testing.assert_array_equal(slow[name], column, err_msg=name)


def test_the_first_page_of_many_objects_does_not_wait_for_all_of_them(
    ds: ll.Dataset, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: tuple[dict[str, object], ...] = ({}, {"where": "width > 70", "sort": "-width"}, {"objects": "truth"})
    wanted = [browser.columns("page", view=view, offset=1, count=7) for view in views]
    library = Library([ds])
    shown, at = library.get(ds.name), ds.snapshot
    monkeypatch.setattr("loopline.server.ready.AT_ONCE", 0)
    monkeypatch.setattr("loopline.server.ready.LATER_S", 3600)
    with TestClient(make_app(library, Rules()), base_url="http://127.0.0.1:5151") as client:
        other = Browser(client, ds.name)
        assert other.post("view", view={})["objects"]["truth"] == len(ds.objects("truth").ids())
        for view, columns in zip(views, wanted, strict=True):
            assert shown.resident.known_objects(at, "truth") is None
            found = other.columns("page", view=view, offset=1, count=7)
            assert found.keys() - {"truth.mask", "predictions.mask"} == columns.keys()
            for name, column in columns.items():
                np.testing.assert_array_equal(found[name], column, err_msg=name)


def test_what_pages_draw_is_read_beside_them(ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, at = Library([ds]).get(ds.name), ds.snapshot
    monkeypatch.setattr("loopline.server.ready.AT_ONCE", 0)
    monkeypatch.setattr("loopline.server.ready.LATER_S", 0.01)
    until = time.monotonic() + 20
    while shown.ready.rows(at, "truth", 1) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert len(shown.resident.known_objects(at, "truth") or ()) == len(ds.objects("truth").ids())


def test_a_fault_in_a_text_is_told_with_its_place(browser: Browser) -> None:
    problem = browser.problem("view", view={"where": "", "filters": [{"control": "x", "where": "brightness > wether"}]})
    assert problem["status"] == 422
    assert (problem["part"], problem["column"], problem["length"]) == ("filters[0]", 13, 6)
    assert "weather" in problem["hint"]


@pytest.mark.parametrize(
    ("asked", "part", "column"),
    [
        ({"sort": "-width, widht"}, "sort", 8),
        ({"where": "width >"}, "where", 7),
        ({"where": "score > lable", "objects": "predictions"}, "where", 8),
    ],
)
def test_a_condition_half_written_is_no_failed_request(
    browser: Browser, asked: dict[str, str], part: str, column: int
) -> None:
    answer = browser.post("check", **asked)
    assert (answer["error"]["part"], answer["error"]["column"], answer["hints"]) == (part, column, [])


def test_a_likely_slip_is_a_hint(browser: Browser) -> None:
    (hint,) = browser.post("check", where="truth.any(label == 'caar')")["hints"]
    assert "car" in hint["what"]
    assert browser.post("check", where="label == 'caar'", objects="truth")["hints"][0]["column"] == 9


def test_what_others_write_is_seen_and_an_old_view_stays(ds: ll.Dataset, browser: Browser) -> None:
    before = browser.post("view", view={"where": "'seen' in tags"})
    ds.tag(ds.view().limit(5), "seen")
    after = browser.post("view", view={"where": "'seen' in tags"})
    old = browser.post("view", view={"where": "'seen' in tags", "snapshot": before["snapshot"]})
    assert (before["count"], after["count"], old["count"]) == (0, 5, 0)
    assert old["newest"] == after["snapshot"] > old["snapshot"]


def test_a_deleted_sample_is_gone_from_the_rows(ds: ll.Dataset, browser: Browser) -> None:
    first = int(browser.columns("page", view={}, count=1)["id"][0])
    ds.delete([first])
    page = browser.columns("page", view={}, count=100)
    assert first not in page["id"].tolist()
    assert page["id"].tolist() == ds.view().ids().tolist()
    assert page["truth.id"].tolist() == ds.objects("truth").ids().tolist()


def test_a_sample_comes_with_all_that_is_on_it(ds: ll.Dataset, browser: Browser) -> None:
    sample_id = int(ds.where("truth.count() == 3").ids()[0])
    sample = browser.get(f"/sample/{sample_id}")
    assert sample["columns"]["weather"] in ("sun", "rain")
    assert [o["box"] for o in sample["fields"]["truth"]] == [[0, 2, 10, 8], [4, 2, 10, 8], [8, 2, 10, 8]]
    assert browser.client.get(f"/api/d/{ds.name}/sample/99999").status_code == 404


def test_thumbnails_come_in_the_order_asked_for_and_faults_do_not_end_the_stream(
    ds: ll.Dataset, browser: Browser
) -> None:
    ids = ds.view().ids().tolist()
    row = ds.select(ids[1:2]).rows()[0]
    file = Path(row["root"], row["path"])
    sound = file.read_bytes()
    file.write_bytes(b"not a picture")
    wanted = [ids[2], ids[1], 99999, ids[0]]
    answer = browser.client.post(f"/api/d/{ds.name}/thumbs", json={"ids": wanted, "size": 128})
    file.write_bytes(sound)  # the pictures are shared by tests
    records = read_records(answer.content)
    assert [i for i, _, _ in records] == wanted
    assert [kind for _, kind, _ in records] == [PICTURE, ERROR, ERROR, PICTURE]
    assert b"not a picture or video" in records[1][2]


def test_thumbnails_that_are_kept_come_many_to_a_chunk_and_in_order(ds: ll.Dataset) -> None:
    ids = ds.view().ids().tolist()[::-1]
    with ThreadPoolExecutor(2) as workers:
        pictures = Pictures(Library([ds]).get(ds.name), workers)
        first = read_records(b"".join(pictures.thumbnails(ids, 256)))
        again = list(pictures.thumbnails(ids, 256))
        pictures.close()
    assert [one for one, *_ in first] == ids
    assert read_records(b"".join(again)) == first
    assert len(again) <= len(ids) / 8


def test_media_answers_to_ranges(ds: ll.Dataset, browser: Browser) -> None:
    sample_id = int(ds.view().ids()[0])
    row = ds.select([sample_id]).rows()[0]
    whole = Path(row["root"], row["path"]).read_bytes()
    url = f"/api/d/{ds.name}/media/{sample_id}"

    def ask(**headers: str) -> tuple[int, bytes, str]:
        answer = browser.client.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return answer.status_code, answer.content, answer.headers.get("content-range", "")

    assert ask() == (200, whole, "")
    assert ask(Range="bytes=2-5") == (206, whole[2:6], f"bytes 2-5/{len(whole)}")
    assert ask(Range="bytes=-4")[1] == whole[-4:]
    assert ask(Range=f"bytes={len(whole)}-")[0] == 416
    assert ask(Range="bytes=5-2")[:2] == (200, whole)
    assert ask(Range="lines=1-2")[0] == 200
    tag = browser.client.get(url).headers["etag"]
    assert ask(If_None_Match=tag)[0] == 304


def test_a_sample_that_leads_out_of_its_root_is_not_served(ds: ll.Dataset, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    first = int(ds.view().ids()[0])
    ds.lake.commit(
        "test", lambda tx: tx.execute("UPDATE lake.samples SET path = '../secret.jpg' WHERE id = ?", [first])
    )
    answer = browser.client.get(f"/api/d/{ds.name}/media/{first}")
    assert answer.status_code == 404
    assert b"outside its root" in answer.content


def test_a_control_on_the_objects_that_are_tiles_does_not_narrow_itself(browser: Browser) -> None:
    spec = {"objects": "truth", "keep": [{"field": "truth", "where": "label == 'bus'", "control": "truth.label"}]}
    told = browser.post("facets", view=spec, controls=[{"of": "truth.label"}, {"of": "weather"}])
    assert set(told[0]["values"]) == {"car", "bus"}
    assert sum(told[0]["view"]) == sum(told[0]["total"])
    everything = browser.post("view", view={"objects": "truth"})["count"]
    assert 0 < browser.post("view", view=spec)["count"] < everything


def test_a_sample_says_what_an_evaluation_made_of_its_objects(ds: ll.Dataset, browser: Browser) -> None:
    found = ds.evaluate(truth="truth", predicted="predictions", key="ev1")
    known = {row["id"]: row for row in found.matches.to_arrow().to_pylist()}
    (one,) = ds.where("truth.count() == 3").ids().tolist()[:1]
    plain = browser.get(f"/sample/{one}")["fields"]
    judged = browser.get(f"/sample/{one}?evaluation=ev1")["fields"]
    for name in ("truth", "predictions"):
        assert [o["id"] for o in judged[name]] == [o["id"] for o in plain[name]]
        assert all(o["outcome"] is None for o in plain[name])
        for o in judged[name]:
            row = known[o["id"]]
            assert (o["outcome"], o["iou"], o["partner_id"]) == (row["outcome"], row["iou"], row["partner_id"])
    assert browser.get(f"/sample/{one}?evaluation=none_such")["fields"] == plain
