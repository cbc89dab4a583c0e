"""Views: what they pick, in which order, and what comes along."""

from __future__ import annotations

import hashlib
import random
import sys

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import MissingDependency, QueryError, QueryTypeError, UnknownField, UnknownName
from loopline.kernel.exchange import Exportable
from loopline.query.builder import F
from loopline.query.cache import IDS, IdCache
from loopline.query.export import exportable
from loopline.query.view import ObjectView, View

from .engine import STREET, MemoryEngine, make_engine


@pytest.fixture
def engine() -> MemoryEngine:
    """Ten pictures, brighter and brighter; picture i has i % 4 predictions with rising scores, and a person in each."""
    samples = [
        {
            "id": i,
            "path": f"{'night' if i % 2 else 'day'}/{i}.jpg",
            "width": 100,
            "height": 50,
            "weather": ["rain", "sun", None][i % 3],
            "brightness": None if i == 5 else i / 10,
            "people": i // 4,
        }
        for i in range(10)
    ]
    predictions = [
        {
            "id": 100 + 10 * i + k,
            "sample_id": i,
            "label": ["car", "person", "mask"][k],
            "score": (i + k) / 12,
            "x": 1.0,
            "y": 2.0,
            "w": 10.0 * (k + 1),
            "h": 10.0,
        }
        for i in range(10)
        for k in range(i % 4)
    ]
    truth = [{"id": 500 + i, "sample_id": i, "label": "person", "mask": b"m", "occluded": i < 3} for i in range(10)]
    scene = [{"id": 800 + i, "sample_id": i, "label": "day" if i < 5 else "night"} for i in range(9)]
    tags = [
        ("sample", 1, "todo"),
        ("sample", 2, "todo"),
        ("sample", 2, "done"),
        ("predictions", 121, "wrong"),
        ("predictions", 1, "todo"),
    ]
    return make_engine(STREET, samples, {"predictions": predictions, "ground_truth": truth, "scene": scene}, tags)


@pytest.fixture
def view(engine) -> View:
    return View(engine)


def ids(view: View | ObjectView) -> list[int]:
    return view.ids().tolist()


# -- narrowing


def test_everything_comes_in_the_order_of_ids(view):
    assert ids(view) == list(range(10))
    assert view.count() == 10


def test_where_takes_text_or_f(view):
    assert ids(view.where("weather == 'rain'")) == ids(view.where(F.weather == "rain")) == [0, 3, 6, 9]
    assert view.where("weather == 'rain'") == view.where(F.weather == "rain")


def test_limit_then_where_is_not_where_then_limit(view):
    assert ids(view.limit(4).where("weather == 'rain'")) == [0, 3]
    assert ids(view.where("weather == 'rain'").limit(4)) == [0, 3, 6, 9]


def test_skip_and_limit_page_through(view):
    assert ids(view.skip(3).limit(2)) == [3, 4]
    assert ids(view.limit(5).skip(3)) == [3, 4]
    assert ids(view.skip(30)) == []
    assert ids(view.limit(0)) == []


def test_missing_values_sort_last_both_ways(view):
    assert ids(view.sort("brightness"))[-1] == 5
    assert ids(view.sort("-brightness")) == [9, 8, 7, 6, 4, 3, 2, 1, 0, 5]
    assert ids(view.sort("brightness", descending=True)) == ids(view.sort("-brightness"))


def test_equal_keys_keep_the_order_that_there_was(view):
    assert ids(view.sort("people")) == list(range(10))
    assert ids(view.sort("-brightness").sort("people")) == [3, 2, 1, 0, 7, 6, 4, 5, 9, 8]
    assert ids(view.sort("people", "-brightness")) == [3, 2, 1, 0, 7, 6, 4, 5, 9, 8]


def test_the_order_survives_a_limit(view):
    assert ids(view.sort("-brightness").limit(3).where("people >= 2")) == [9, 8]
    assert ids(view.sort("-brightness").limit(4).sort("people")) == [7, 6, 9, 8]
    assert ids(view.sort("-brightness").limit(4).skip(1).limit(2)) == [8, 7]


def test_sort_by_an_aggregate_and_by_a_condition(view):
    assert ids(view.sort("-predictions.count()", "id"))[:4] == [3, 7, 2, 6]
    assert ids(view.sort("-(weather == 'rain')"))[:4] == [0, 3, 6, 9]
    assert ids(view.sort("-scene.label"))[:4] == [5, 6, 7, 8]


def test_a_random_sample_is_the_same_for_the_same_seed_and_keeps_the_order(view):
    first = ids(view.sample(4, seed=7))
    assert first == sorted(first)
    assert len(first) == 4
    assert ids(view.sample(4, seed=7)) == first
    assert ids(view.sort("-id").sample(4, seed=7)) == first[::-1]
    assert {tuple(ids(view.sample(4, seed=s))) for s in range(20)} != {tuple(first)}
    assert ids(view.sample(99, seed=1)) == list(range(10))


def test_a_random_sample_is_the_same_on_every_machine(view):
    draw = sorted(range(10), key=lambda i: hashlib.md5(f"{i}:7".encode()).hexdigest())
    assert ids(view.sample(4, seed=7)) == sorted(draw[:4])


def test_select_and_exclude_by_id(view):
    assert ids(view.select([7, 3, 3, 99])) == [3, 7]
    assert ids(view.exclude(np.array([0, 1]))) == list(range(2, 10))
    assert ids(view.exclude([])) == list(range(10))
    assert ids(view.select([])) == []
    assert ids(view.select(range(5, 5000))) == [5, 6, 7, 8, 9]
    assert ids(view.exclude(range(5, 5000))) == [0, 1, 2, 3, 4]
    assert ids(view.select(pa.array([1, 2]))) == [1, 2]


def test_tags_of_samples_and_of_objects(view):
    assert ids(view.tagged("todo")) == [1, 2]
    assert ids(view.tagged("todo", "done")) == [2]
    assert ids(view.where("tags.count() == 0")) == [0, 3, 4, 5, 6, 7, 8, 9]
    assert ids(view.where("tags is not None and not 'done' in tags")) == [1]
    assert ids(view.where("predictions.any('wrong' in tags)")) == [2]
    assert ids(view.objects("predictions").tagged("wrong")) == [121]
    assert ids(view.where("predictions.any('todo' in sample.tags)")) == [1, 2]


# -- keep


def test_keep_hides_objects_from_later_conditions_and_from_pages(view):
    kept = view.keep("predictions", "label == 'car'")
    assert kept.count() == 10
    assert ids(kept.where("predictions.count() > 1")) == []
    assert ids(view.where("predictions.count() > 1").keep("predictions", "label == 'car'")) == [2, 3, 6, 7]
    assert set(kept.page(0, 10).labels["predictions"]["label"].to_pylist()) == {"car"}
    assert kept.objects("predictions").count() == 7
    assert ids(kept.where("predictions.all(label == 'car')")) == list(range(10))


def test_keeps_add_up(view):
    twice = view.keep("predictions", "label != 'mask'").keep("predictions", "score > 0.2")
    assert (
        twice.objects("predictions").count()
        == view.objects("predictions").where("label != 'mask' and score > 0.2").count()
    )
    assert ids(view.keep("scene", "label == 'day'").where("scene.label == 'night'")) == []


def test_fields_that_do_not_come_along_may_still_be_asked(view):
    narrow = view.select_fields("predictions", "scene").exclude_fields("scene")
    assert narrow.fields() == ("predictions",)
    assert list(narrow.page(0, 2).labels) == ["predictions"]
    assert narrow.where("scene.label == 'day'").count() == 5


# -- objects


def test_objects_are_rows_of_their_own(view):
    objects = view.where("weather == 'rain'").objects("predictions")
    assert isinstance(objects, ObjectView)
    assert objects.field == "predictions"
    assert ids(objects) == [130, 131, 132, 160, 161, 190]
    assert ids(objects.where("box.rel_area > 0.03").sort("-score").limit(2)) == [161, 132][:2]
    assert ids(objects.where("sample.id == 3 and label == 'car'")) == [130]


def test_objects_go_back_to_their_samples(view):
    cars = view.objects("predictions").where("label == 'mask'")
    assert ids(cars.samples()) == [3, 7]
    assert ids(cars.samples().objects("predictions")) == ids(cars)
    best = view.sort("-id").objects("predictions").sort("-score").limit(3)
    assert ids(best) == [172, 190, 171]
    assert ids(best.samples()) == [9, 7]
    assert best.samples().page(0, 2).labels["predictions"]["id"].to_pylist() == [190, 171, 172]
    assert ids(best.samples().where("predictions.count() == 2")) == [7]
    assert ids(best.samples().keep("predictions", "label == 'person'").objects("predictions")) == [171]
    assert ids(best.samples().objects("predictions").limit(1).samples()) == [7]


def test_objects_of_a_limited_view(view):
    assert ids(view.sort("-id").limit(3).objects("predictions")) == [170, 171, 172, 190]
    assert ids(view.objects("predictions").sample(3, seed=1)) == sorted(
        ids(view.objects("predictions").sample(3, seed=1))
    )
    assert ids(view.objects("predictions").skip(10)) == [171, 172, 190]
    assert ids(view.objects("predictions").select([110, 171])) == [110, 171]


# -- answers


def test_a_page_has_samples_and_labels_in_the_order_of_the_view(view):
    page = view.sort("-id").page(2, 3)
    assert page.samples["id"].to_pylist() == [7, 6, 5]
    assert page.samples["tags"].to_pylist() == [[], [], []]
    assert set(page.labels) == {"ground_truth", "predictions", "scene", "quality"}
    assert page.labels["predictions"]["id"].to_pylist() == [170, 171, 172, 160, 161, 150]
    assert page.labels["ground_truth"]["mask"].to_pylist() == [b"m"] * 3
    assert page.labels["quality"].num_rows == 0
    assert page.labels["quality"].schema.field("value").type == pa.float64()


def test_a_page_behind_the_end_is_empty_and_has_all_columns(view):
    page = view.page(100, 10)
    assert page.samples.num_rows == 0
    assert page.samples.column_names == view.page(0, 1).samples.column_names
    assert page.labels["predictions"].num_rows == 0


def test_tags_come_with_pages_and_tables(view):
    assert view.page(1, 2).samples["tags"].to_pylist() == [["todo"], ["done", "todo"]]
    assert view.page(2, 1).labels["predictions"]["tags"].to_pylist() == [[], ["wrong"]]
    assert view.to_arrow(["id", "tags"]).to_pylist()[2] == {"id": 2, "tags": ["done", "todo"]}


def test_a_table_has_the_asked_columns_and_expressions(view):
    table = view.where("id < 4").sort("-id").to_arrow(["path", "predictions.count()", "brightness * 10"])
    assert table.column_names == ["path", "predictions.count()", "brightness * 10"]
    assert table["predictions.count()"].to_pylist() == [3, 2, 1, 0]
    objects = view.objects("predictions").limit(1).to_arrow(["id", "box.area", "sample.path"])
    assert objects.to_pylist() == [{"id": 110, "box.area": 100.0, "sample.path": "night/1.jpg"}]
    assert view.to_arrow().column_names == [*STREET.sample_columns(), "tags"]
    assert view.objects("predictions").to_arrow().column_names == [*STREET.field("predictions").columns(), "tags"]


def test_batches_stream_in_the_order_of_the_view(view):
    batches = list(view.sort("-id").to_batches(rows=4, columns=["id"]))
    assert [i for batch in batches for i in batch["id"].to_pylist()] == list(range(9, -1, -1))
    assert sum(batch.num_rows for batch in view) == 10


def test_rows_are_dicts(view):
    assert view.rows(2, ["id", "weather"]) == [{"id": 0, "weather": "rain"}, {"id": 1, "weather": "sun"}]


def test_values_are_one_per_row(view):
    assert view.limit(3).values("predictions.max(score)").to_pylist() == [None, 1 / 12, 3 / 12]
    assert view.values(F.id * 2).to_pylist() == list(range(0, 20, 2))


def test_frames_of_other_libraries(view):
    assert view.to_polars(["id"])["id"].to_list() == list(range(10))
    assert view.to_pandas(["id"])["id"].tolist() == list(range(10))


def test_a_library_that_is_not_there_is_named(view, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency, match="polars"):
        view.to_polars()
    with pytest.raises(MissingDependency, match="pandas"):
        view.to_pandas()


def test_explain_shows_sql_parameters_and_plan(view):
    text = view.where("weather == 'rain'").explain()
    assert "SELECT" in text
    assert "= 'rain'" in text
    assert "'rain'" not in text.split("\n--")[0]


def test_conditions_on_samples_do_not_read_label_tables(view):
    sql = view.where("weather == 'rain'").sort("brightness").explain()
    assert "label__" not in sql


def test_two_aggregates_under_one_condition_group_once(view):
    sql = view.where("predictions.max(score, label == 'car') - predictions.min(score, label == 'car') > 0.5").explain()
    assert sql.split("\n--")[0].count("label__predictions") == 1


def test_hints_of_a_view(view):
    assert [h.what for h in view.where("predictions.any(label == 'cra')").hints()] == [
        'no class "cra" in predictions; did you mean "car"?'
    ]


# -- as a value


def test_a_view_is_frozen_comparable_and_hashable(view):
    other = view.where("id > 3")
    assert other == view.where("id>3")
    assert len({other, view.where(F.id > 3), view}) == 2
    with pytest.raises(AttributeError):
        view.ops = ()


def test_faults_show_where_the_view_is_written_not_where_it_runs(view, engine):
    before = engine.cursors
    with pytest.raises(UnknownName, match="weather"):
        view.where("wether == 'rain'")
    with pytest.raises(UnknownName):
        view.sort("-brigthness")
    with pytest.raises(UnknownField, match="predictions"):
        view.keep("prediction", "score > 1")
    with pytest.raises(UnknownField):
        view.objects("nothing")
    with pytest.raises(UnknownField):
        view.select_fields("nothing")
    with pytest.raises(QueryTypeError):
        view.limit(-1)
    with pytest.raises(QueryTypeError):
        view.limit(True)
    with pytest.raises(QueryTypeError):
        view.select(["1"])
    with pytest.raises(QueryTypeError):
        view.sort()
    with pytest.raises(UnknownName):
        view.objects("predictions").samples().where("label == 'car'")
    assert engine.cursors == before


def test_each_answer_looks_at_one_snapshot(engine):
    asked = []

    class Moving(MemoryEngine):
        """Somebody commits between any two looks."""

        def snapshot(self):
            self.now += 1
            return self.now

        def table(self, name, snapshot=None):
            asked.append(snapshot)
            return super().table(name, snapshot)

    moving = Moving(engine._con, STREET)
    for question in (
        lambda: View(moving).where("predictions.any(score > 0)").page(0, 5),
        lambda: View(moving).facets("predictions.label"),
        lambda: View(moving).histogram("predictions.score"),
        lambda: list(exportable(View(moving)).pages()),
    ):
        asked.clear()
        question()
        assert len(set(asked)) == 1
        assert None not in set(asked)


def test_a_pinned_view_never_asks_for_the_newest_snapshot(engine):
    class Pinned(MemoryEngine):
        def snapshot(self):
            raise AssertionError("asked")

    assert View(Pinned(engine._con, STREET), snapshot=3).where("id > 7").count() == 2


def test_ids_are_kept_per_snapshot_and_read_only(engine):
    view = View(engine).where("id > 2")
    assert view.ids() is view.ids()
    first = view.ids()
    engine.now += 1
    assert view.ids() is not first
    with pytest.raises(ValueError):
        first[0] = 3
    before = engine.cursors
    assert view.count() == 7
    assert engine.cursors == before
    assert IDS.nbytes > 0


def test_the_cache_forgets_what_was_used_least_when_it_is_full(engine):
    cache = IdCache(max_bytes=240)
    make = lambda n: lambda: np.zeros(n, np.int64)  # noqa: E731
    a = cache.get_or_make(engine, "a", make(10))
    cache.get_or_make(engine, "b", make(10))
    cache.get_or_make(engine, "c", make(10))
    assert cache.get_or_make(engine, "a", make(10)) is a
    cache.get_or_make(engine, "d", make(10))
    assert cache.get(engine, "b") is None
    assert cache.get(engine, "a") is a
    assert cache.nbytes == 240
    cache.get_or_make(engine, "huge", make(1000))
    assert cache.get(engine, "huge") is None


def test_two_data_sets_of_one_name_do_not_share_ids(engine):
    other = make_engine(STREET, [{"id": 77}])
    assert ids(View(engine)) != ids(View(other))


def test_a_fault_of_the_engine_is_an_error_of_ours(engine):
    engine._con.execute("DROP TABLE label__quality")
    with pytest.raises(QueryError, match="could not answer"):
        View(engine).where("quality.value > 3").count()


# -- export


def test_an_export_streams_samples_labels_and_pages(view):
    chosen = view.where("id in [1, 2, 3]").sort("-id").keep("predictions", "score > 0.2")
    out: Exportable = exportable(chosen, ["predictions"])
    assert [f.name for f in out.schema.fields] == ["predictions"]
    assert out.schema.field("predictions").classes == ("car", "person", "mask")
    assert out.count() == 3
    samples = pa.concat_tables(out.samples())
    assert samples["id"].to_pylist() == [3, 2, 1]
    assert samples["tags"].to_pylist() == [[], ["done", "todo"], ["todo"]]
    labels = pa.concat_tables(out.labels("predictions"))
    assert labels["id"].to_pylist() == [121, 130, 131, 132]
    assert labels["tags"].to_pylist() == [["wrong"], [], [], []]
    pages = list(out.pages())
    assert [p.samples["id"].to_pylist() for p in pages] == [[3, 2, 1]]
    assert pages[0].labels["predictions"]["id"].to_pylist() == [130, 131, 132, 121]


def test_pages_of_an_export_cover_every_sample_once():
    rng = random.Random(3)
    many = make_engine(STREET, [{"id": i, "brightness": rng.random()} for i in range(5000)])
    pages = list(exportable(View(many).sort("brightness")).pages())
    found = [i for page in pages for i in page.samples["id"].to_pylist()]
    assert found == View(many).sort("brightness").ids().tolist()
    assert len(pages) == 3
