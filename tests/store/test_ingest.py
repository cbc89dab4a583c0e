"""Events in, rows out: every kind of label, any order, and every way in which a file can be odd."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, FormatError, NothingAdded, SchemaError
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows
from loopline.kernel.schema import Column, LabelField
from loopline.store import edits, stage
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from tests.store import worlds
from tests.store.worlds import ROOT, state


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "d") as lake:
        yield lake


def pictures(*paths: str, root: str = ROOT, columns: tuple[Column, ...] = (), **extra: list[Any]) -> SampleRows:
    return SampleRows(pa.table({"key": [f"k:{p}" for p in paths], "path": list(paths), **extra}), root, columns)


def labels(name: str, *paths: str, **columns: Any) -> LabelRows:
    return LabelRows(name, pa.table({"sample_key": [f"k:{p}" for p in paths], **columns}))


def rows(lake: Lake, field: str) -> list[dict[str, Any]]:
    """The objects of a field in the order of their ids, without keys."""
    found = state(lake)["fields"][field]
    return [{k: v for k, v in found[i].items() if k not in ("id", "sample_id")} for i in sorted(found)]


def by_path(lake: Lake) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in state(lake)["samples"].values()}


def test_columns_and_attributes_may_be_called_like_ours(lake: Lake) -> None:
    """FiftyOne's examples have a field `place`, which an import uses for itself."""
    columns = tuple(Column(name, "text") for name in ("place", "leader", "fresh", "error", "hash"))
    attributes = {column.name: ["here"] for column in columns}
    ingest(
        lake,
        iter(
            [
                pictures("a.jpg", columns=columns, **attributes),
                FieldFound(LabelField("truth", "class", ("cat",), columns)),
                labels("truth", "a.jpg", label=["cat"], **attributes),
            ]
        ),
        same="content",
    )
    assert all(by_path(lake)["a.jpg"][column.name] == "here" for column in columns)
    assert all(rows(lake, "truth")[0][column.name] == "here" for column in columns)


KINDS: dict[str, dict[str, Any]] = {
    "box": {"x": [1.5], "y": [2.0], "w": [0.1], "h": [1e-9], "iscrowd": [True], "area": [3.25], "rotation": [-7.5],
            "mask": [b"\x00\xff"], "polygons": [[[0.0, 0.0, 1.0, 1.0, 2.0, 0.0], []]], "keypoints": [[1.0, 2.0, 2.0]],
            "score": [0.1 + 0.2], "track_id": [2**62], "frame": [7], "label": ["cat"]},
    "polygon": {"points": [[[1.0, 2.0, 3.0, 4.0]]], "closed": [True], "x": [1.0], "y": [2.0], "w": [2.0], "h": [2.0]},
    "polyline": {"points": [[[1.0, 2.0], [3.0, 4.0]]], "closed": [False]},
    "keypoint": {"keypoints": [[5e-324, 1e308, 1.0]]},
    "class": {"label": ["night"], "score": [1.0]},
    "value": {"value": [float("inf")]},
    "mask": {"mask": [b"png"]},
}  # fmt: skip


def test_every_kind_of_label_arrives_whole(lake: Lake) -> None:
    events: list[Event] = [pictures("a.jpg")]
    for kind, columns in KINDS.items():
        events += [FieldFound(LabelField(f"f_{kind}", kind)), labels(f"f_{kind}", "a.jpg", **columns)]  # type: ignore[arg-type]
    report = ingest(lake, events)
    assert report.objects_added == {f"f_{kind}": 1 for kind in KINDS}
    for kind, columns in KINDS.items():
        assert rows(lake, f"f_{kind}") == [{name: value[0] for name, value in columns.items()}]


def test_labels_may_come_before_pictures_and_classes_after_all(lake: Lake) -> None:
    first = LabelRows("truth", pa.table({"sample_key": ["k:a.jpg"] * 3, "class_code": [7, 9, 7], "x": [1, 2, 3]}))
    codes = [
        FieldFound(LabelField("truth", "box", ("dog",)), {9: "dog"}),
        FieldFound(LabelField("truth", "box", ("cat",)), {7: "cat"}),
    ]
    ingest(lake, [first, pictures("a.jpg"), *codes])
    assert [r["label"] for r in rows(lake, "truth")] == ["cat", "dog", "cat"]
    assert lake.schema().field("truth").classes == ("dog", "cat")


def test_rows_that_name_nothing_are_counted_and_the_good_ones_arrive(lake: Lake) -> None:
    n = 30
    events: list[Event] = [
        Problem("skipped", "no bbox", "file.json: annotations[5]"),
        FieldFound(LabelField("truth", "box"), {1: "cat"}),
        pictures("a.jpg"),
        LabelRows(
            "truth",
            pa.table({"sample_key": ["k:a.jpg"] + ["k:gone.jpg"] * n + ["k:a.jpg"], "class_code": [1] * (n + 1) + [5]}),
        ),
    ]
    report = ingest(lake, events)
    assert report.objects_added == {"truth": 1}
    assert report.skipped == n + 2
    assert report.counts["skipped", "it names a picture that the file does not list"] == n
    named = [p.where for p in report.problems]
    assert "truth row 2 (picture k:gone.jpg)" in named
    assert f"truth row {n + 2} (class 5)" in named
    assert len(named) == 1 + 20 + 1


def test_a_picture_listed_twice_counts_once(lake: Lake) -> None:
    twice = SampleRows(pa.table({"key": [1, 2, 2, 3], "path": ["a", "b", "c", "a"]}), ROOT)
    boxes = LabelRows("truth", pa.table({"sample_key": [1, 2, 3], "x": [1.0, 2.0, 3.0]}))
    report = ingest(lake, [FieldFound(LabelField("truth", "box")), twice, boxes])
    assert report.samples_added == 2
    assert sorted(by_path(lake)) == ["a", "b"]
    assert report.counts["skipped", "the same picture id twice"] == 1
    assert report.counts["skipped", "the same picture path twice"] == 1
    assert report.counts["skipped", "it names a picture that the file does not list"] == 1


def test_existing_labels_are_kept_appended_to_or_replaced(lake: Lake) -> None:
    events = [FieldFound(LabelField("truth", "box")), pictures("a", "b"), labels("truth", "a", x=[1.0], tags=[["old"]])]
    ingest(lake, events)
    again = [FieldFound(LabelField("truth", "box")), pictures("a", "b"), labels("truth", "a", "b", x=[2.0, 3.0])]
    report = ingest(lake, again)
    assert (report.objects_added, report.objects_known, report.samples_known) == ({"truth": 1}, {"truth": 1}, 2)
    assert [r["x"] for r in rows(lake, "truth")] == [1.0, 3.0]
    ingest(lake, again, existing="append")
    assert [r["x"] for r in rows(lake, "truth")] == [1.0, 3.0, 2.0, 3.0]
    ingest(lake, [*again[:2], labels("truth", "a", x=[9.0])], existing="replace")
    assert [r["x"] for r in rows(lake, "truth")] == [3.0, 3.0, 9.0]
    assert not state(lake)["tags"]


def test_adding_a_file_twice_adds_nothing_and_makes_no_snapshot(lake: Lake) -> None:
    first = ingest(lake, worlds.events(worlds.paths(5)))
    before = state(lake)
    second = ingest(lake, worlds.events(worlds.paths(5)))
    assert (second.samples_added, second.samples_known, second.objects_known) == (0, 5, {"truth": 10})
    assert second.snapshot == first.snapshot
    assert state(lake) == before


def test_two_ways_of_naming_pictures_in_one_file_do_not_push_each_other_out(lake: Lake) -> None:
    ingest(lake, [pictures("a", "b")])
    field = FieldFound(LabelField("truth", "box"))
    by_name = LabelRows("truth", pa.table({"sample_key": ["a"], "x": [1.0]}), match="path")
    for existing, count in (("keep", 2), ("replace", 2), ("append", 4)):
        ingest(lake, [field, pictures("a"), labels("truth", "a", x=[2.0]), by_name], existing=existing)  # type: ignore[arg-type]
        assert len(rows(lake, "truth")) == count


def test_an_import_that_adds_nothing_fails_and_leaves_no_trace(lake: Lake) -> None:
    number = lake.snapshot()
    lost = LabelRows("truth", pa.table({"sample_key": ["z"]}), match="path")
    with pytest.raises(
        NothingAdded, match=r"2 problems, first: x: odd; truth row 1 \(picture z\): it names a picture"
    ) as nothing:
        ingest(lake, [Problem("skipped", "odd", "x"), FieldFound(LabelField("truth", "box")), lost])
    assert nothing.value.problems[0] == Problem("skipped", "odd", "x")
    assert sum(nothing.value.counts.values()) == 2
    assert pickle.loads(pickle.dumps(nothing.value)).counts == nothing.value.counts
    with pytest.raises(NothingAdded):
        ingest(lake, [])
    assert lake.snapshot() == number
    assert lake.schema().fields == ()


def test_labels_without_any_picture_say_so(lake: Lake) -> None:
    with pytest.raises(FormatError, match="name pictures that the file does not list"):
        ingest(lake, [FieldFound(LabelField("truth", "box")), labels("truth", "a", x=[1.0])])


def test_a_results_file_matches_samples_by_a_column(lake: Lake) -> None:
    ingest(lake, [pictures("a", "b", "c", columns=(Column("image_id", "int"),), image_id=[10, 20, 20])])
    results = LabelRows("pred", pa.table({"sample_key": [10, 20, 99], "score": [0.5, 0.6, 0.7]}), match="image_id")
    report = ingest(lake, [FieldFound(LabelField("pred", "box")), results])
    assert report.objects_added == {"pred": 1}
    assert ("warning", "several pictures have this image_id") in report.counts
    assert report.counts["skipped", "it names a picture that is not in the data set"] == 2
    with pytest.raises(FormatError, match='by "shoe_size"'):
        ingest(
            lake,
            [
                FieldFound(LabelField("pred", "box")),
                LabelRows("pred", pa.table({"sample_key": [1]}), match="shoe_size"),
            ],
        )


def test_tags_of_the_file_and_of_the_call(lake: Lake) -> None:
    events = [
        FieldFound(LabelField("truth", "box")),
        pictures("a", "b", tags=[["x", "it's"], None]),
        labels("truth", "a", x=[1.0], tags=[["hard", "hard"]]),
    ]
    report = ingest(lake, events, tags=("new",))
    ids = worlds.sample_ids(lake)
    assert state(lake)["tags"] == {
        ("sample", ids["a"], "x"),
        ("sample", ids["a"], "it's"),
        ("sample", ids["a"], "new"),
        ("sample", ids["b"], "new"),
        ("truth", 0, "hard"),
    }
    assert report.tags_added == 5
    assert ingest(lake, events, tags=("new",)).tags_added == 0
    with pytest.raises(BadValue, match="cannot be a tag"):
        ingest(lake, events, tags=("",))


def test_batches_of_different_columns_and_types_become_one_table(lake: Lake) -> None:
    columns = (Column("weather", "text"), Column("level", "float"), Column("note", "json"))
    ingest(lake, [
        FieldFound(LabelField("truth", "box", attributes=(Column("size", "int"),))),
        FieldFound(LabelField("truth", "box", attributes=(Column("size", "float"),))),
        SampleRows(pa.table({"key": ["1"], "path": ["a"], "level": [1]}), "/one", columns),
        SampleRows(pa.table({"path": ["b"], "key": ["2"], "weather": ["rain"], "level": [2.5], "note": ["[1]"]}), "/two", columns),
        SampleRows(pa.table({"path": ["c"], "key": ["3"], "note": [4]}), "/two", columns),
        LabelRows("truth", pa.table({"sample_key": ["1"], "size": [1]})),
        LabelRows("truth", pa.table({"size": [1.5], "sample_key": ["2"], "label": pa.array(["cat"]).dictionary_encode()})),
        LabelRows("truth", pa.table({"sample_key": pa.array(["3"], pa.large_string()), "size": pa.nulls(1)})),
    ])  # fmt: skip
    found = by_path(lake)
    assert [found[p].get("level") for p in "abc"] == [1.0, 2.5, None]
    assert [found[p].get("note") for p in "abc"] == [None, "[1]", "4"]
    assert [found[p]["root"] for p in "abc"] == ["/one", "/two", "/two"]
    assert rows(lake, "truth") == [{"size": 1.0}, {"size": 1.5, "label": "cat"}, {}]


def test_spilling_to_disk_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def many() -> Iterator[Event]:
        for part in range(4):
            yield from worlds.events(worlds.paths(20, part * 20), root=f"/r{part % 2}")

    def renumbered(events: Iterator[Event]) -> Iterator[Event]:
        for number, event in enumerate(events):
            if isinstance(event, SampleRows | LabelRows):
                key = "key" if isinstance(event, SampleRows) else "sample_key"
                place = event.table.schema.get_field_index(key)
                moved = pa.array(event.table[key].to_numpy() + 1000 * (number // 3))
                table = event.table.set_column(place, key, moved)
                yield SampleRows(table, event.root) if isinstance(event, SampleRows) else LabelRows(event.name, table)
            else:
                yield event

    with worlds.make(tmp_path / "a") as whole, worlds.make(tmp_path / "b") as spilled:
        ingest(whole, renumbered(many()))
        monkeypatch.setattr(stage, "MEMORY_BYTES", 100)
        ingest(spilled, renumbered(many()))
        a, b = state(whole), state(spilled)
        for row in [*a["samples"].values(), *b["samples"].values()]:
            del row["created_at"]
        assert a == b
        assert len(a["fields"]["truth"]) == 160


def probe(files: pa.Table) -> Iterator[pa.RecordBatch]:
    """A fake look at media: the bytes of a file are the first letter of its name; x cannot be read."""
    for row in reversed(files.to_pylist()):
        bad = row["path"].startswith("x")
        yield pa.RecordBatch.from_pylist([{
            "place": row["place"], "width": None if bad else 640, "content_hash": None if bad else row["path"][0],
            "mime": None if bad else "image/png", "error": "not a picture" if bad else None,
        }])  # fmt: skip


def test_what_the_media_says_wins_and_broken_files_are_reported(lake: Lake) -> None:
    report = ingest(lake, [pictures("a.jpg", "x.jpg", width=[1, 2], height=[3, 4])], probe=probe)
    found = by_path(lake)
    assert (found["a.jpg"]["width"], found["a.jpg"]["height"], found["a.jpg"]["mime"]) == (640, 3, "image/png")
    assert (found["x.jpg"]["width"], "mime" in found["x.jpg"]) == (2, False)
    assert report.unreadable == 1
    assert [p.where for p in report.problems] == [f"{ROOT}/x.jpg"]
    assert report.counts == {("warning", "media not readable: not a picture"): 1}


def test_a_mended_file_that_is_added_again_fills_what_was_missing(lake: Lake) -> None:
    def mended(files: pa.Table) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist(
            [{"place": p, "width": 50, "content_hash": "h", "media": "video"} for p in files["place"].to_pylist()]
        )

    ingest(lake, [pictures("x.jpg")], probe=probe)
    assert "width" not in by_path(lake)["x.jpg"]
    ingest(lake, [pictures("x.jpg")], probe=mended)
    assert by_path(lake)["x.jpg"]["width"] == 50
    assert by_path(lake)["x.jpg"]["content_hash"] == "h"


def test_the_same_content_is_the_same_picture_whatever_its_path(lake: Lake) -> None:
    ingest(lake, [pictures("a1", "x1")], probe=probe)
    field = FieldFound(LabelField("truth", "box"))
    events = [
        field,
        pictures("a2", "b1", "b2", "x1", "x2"),
        labels("truth", "a2", "b1", "b2", "x1", "x2", x=[1.0, 2.0, 3.0, 4.0, 5.0]),
    ]
    report = ingest(lake, events, probe=probe, same="content")
    ids = worlds.sample_ids(lake)
    assert sorted(ids) == ["a1", "b1", "x1", "x2"]
    owners = [row["sample_id"] for row in state(lake)["fields"]["truth"].values()]
    assert sorted(owners) == sorted([ids["a1"], ids["b1"], ids["b1"], ids["x1"], ids["x2"]])
    assert report.samples_added == 2


def test_an_unread_file_goes_by_its_path_even_where_content_counts(lake: Lake) -> None:
    ingest(lake, [pictures("a1", "x1")], probe=probe)

    def blind(files: pa.Table) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([{"place": p, "error": "gone"} for p in files["place"].to_pylist()])

    assert ingest(lake, [pictures("a1")], probe=blind, same="content").samples_known == 1

    def sighted(files: pa.Table) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([{"place": p, "content_hash": "new"} for p in files["place"].to_pylist()])

    assert ingest(lake, [pictures("x1")], probe=sighted, same="content").samples_known == 1
    assert by_path(lake)["x1"]["content_hash"] == "new"


def test_known_samples_get_what_they_lack_and_keep_what_they_have(lake: Lake) -> None:
    weather = (Column("weather", "text"),)
    ingest(lake, [pictures("a", "b", columns=weather, weather=["rain", None])])
    more = [pictures("a", "b", columns=weather, weather=["sun", "fog"], split=["val", "val"], height=[7, 8])]
    ingest(lake, more)
    assert [(by_path(lake)[p]["weather"], by_path(lake)[p]["split"], by_path(lake)[p]["height"]) for p in "ab"] == [
        ("rain", "val", 7),
        ("fog", "val", 8),
    ]
    ingest(lake, more, existing="replace")
    assert by_path(lake)["a"]["weather"] == "sun"


def test_values_outside_a_list_or_a_limit_arrive_and_are_told(lake: Lake) -> None:
    columns = (Column("weather", "text", values=("rain",)), Column("level", "int", maximum=5))
    field = LabelField("truth", "box", attributes=(Column("hue", "text", values=("red",)),))
    data = pictures("a", "b", columns=columns, weather=["rain", "fog"], level=[5, 6])
    report = ingest(lake, [FieldFound(field), data, labels("truth", "a", "b", hue=["red", "blue"])])
    assert lake.schema().column("weather").values == ("rain", "fog")
    assert lake.schema().field("truth").attribute("hue").values == ("red", "blue")
    assert sorted(what for _, what in report.counts) == [
        'a value that the list of "hue" lacked',
        'a value that the list of "weather" lacked',
        'values of "level" above its limit 5',
    ]
    edits.set_column(lake, "weather", np.array([0]), "fog")


def test_a_column_of_another_type_is_refused_by_name(lake: Lake) -> None:
    ingest(lake, [pictures("a", columns=(Column("level", "int"), Column("part", "float")), level=[1], part=[1.5])])
    with pytest.raises(SchemaError, match='column "level" is int; the file has text there'):
        ingest(lake, [pictures("b", columns=(Column("level", "text"),), level=["high"])])
    ingest(lake, [pictures("b", columns=(Column("part", "int"),), part=[2])])
    assert by_path(lake)["b"]["part"] == 2.0


def test_the_log_says_what_came_in(lake: Lake) -> None:
    from loopline.store.versions import log

    ingest(lake, worlds.events(worlds.paths(2)), message="first labels")
    entry = log(lake)[0]
    assert (entry.verb, entry.message, entry.details) == (
        "add",
        "first labels",
        {"samples": 2, "objects": {"truth": 4}},
    )
    assert abs(entry.at - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=5)
