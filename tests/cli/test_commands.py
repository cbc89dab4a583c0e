"""The commands, one after the other, on a small data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loopline as ll
from tests.cli.conftest import Loopline


@pytest.fixture
def mine(shapes: Path, loopline: Loopline) -> str:
    """A data set of the test's own that holds `shapes`, under its name."""
    assert loopline("create", "mine").code == 0
    assert loopline("add", "mine", shapes / "shapes.json").code == 0
    return "mine"


def test_add_says_what_arrived_and_names_what_did_not(loopline: Loopline, shapes: Path) -> None:
    assert loopline("create", "new").code == 0
    answer = loopline("add", "new", shapes / "shapes.json")
    assert answer.code == 0
    assert answer.out.splitlines()[2].split() == ["samples", "6", "0"]
    assert answer.out.splitlines()[3].split() == ["objects", "of", "ground_truth", "6", "0"]
    assert "shapes.json" in answer.out
    assert "skipped" in answer.out
    again = loopline("add", "new", shapes / "shapes.json", "--json").document
    assert (again["samples_added"], again["samples_known"], again["objects_added"]) == (0, 6, {"ground_truth": 0})
    assert again["skipped"] == 1
    assert again["problems"][0]["where"].startswith("shapes.json")


def test_a_dry_run_says_what_add_would_find_and_writes_nothing(loopline: Loopline, shapes: Path) -> None:
    assert loopline("create", "new").code == 0
    answer = loopline("add", "new", shapes / "shapes.json", "--dry-run")
    assert answer.code == 0
    assert "COCO" in answer.out
    assert "nothing was written" in answer.out
    found = loopline("add", "new", shapes / "shapes.json", "--dry-run", "--json").document
    added = loopline("add", "new", shapes / "shapes.json", "--json").document
    assert found["samples"] == added["samples_added"]
    assert found["counts"][0]["what"] in {c["what"] for c in added["counts"]} | {p["what"] for p in found["problems"]}
    assert [entry["verb"] for entry in loopline("log", "new", "--json").document] == ["add", "create"]


def test_an_import_that_adds_nothing_fails(loopline: Loopline, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert loopline("create", "new").code == 0
    assert loopline("add", "new", file, "--format", "coco").code == 1
    assert loopline("log", "new", "--json").document[0]["verb"] == "create"


def test_list_and_info_say_what_there_is(loopline: Loopline, mine: str) -> None:
    (one,) = loopline("list", "--json").document
    assert (one["name"], one["samples"], one["objects"]) == ("mine", 6, {"ground_truth": 6})
    assert "mine" in loopline("list").out
    found = loopline("info", mine, "--json").document
    assert found["schema"]["fields"][0]["classes"] == ["cup", "dog"]
    assert "cup, dog" in loopline("info", mine).out


def test_query_shows_samples(loopline: Loopline, filled: str) -> None:
    answer = loopline("query", filled, "ground_truth.any(label == 'cup')", "--sort", "-width", "--limit", 2)
    header, _, *lines = answer.out.splitlines()
    assert header.split() == ["id", "path", "width", "height", "coco_id", "ground_truth.count()"]
    assert [line.split()[1] for line in lines] == ["3.png", "1.png"]
    assert "2 of 3 samples" in answer.err
    assert loopline("query", filled, "width > 50", "--count").out == "4\n"


def test_query_shows_the_columns_that_were_asked_for(loopline: Loopline, filled: str) -> None:
    found = loopline("query", filled, "--columns", "id,ground_truth.count(label == 'cup'),width * 2", "--json").document
    assert list(found["rows"][0]) == ["id", "ground_truth.count(label == 'cup')", "width * 2"]
    assert [row["width * 2"] for row in found["rows"]] == [80, 100, 120, 140, 160, 180]


def test_query_shows_objects(loopline: Loopline, filled: str) -> None:
    found = loopline("query", filled, "label == 'cup'", "--objects", "ground_truth", "--where", "width < 60", "--json")
    assert found.document["count"] == 2
    assert [row["sample.path"] for row in found.document["rows"]] == ["0.png", "1.png"]
    assert loopline("query", filled, "--where", "width < 60").code == 2


def test_query_draws_at_random_by_seed(loopline: Loopline, filled: str) -> None:
    def drawn(seed: int) -> list[int]:
        rows = loopline("query", filled, "--random", seed, "--limit", 3, "--json").document["rows"]
        return [row["id"] for row in rows]

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(5)}) > 1


def test_a_slip_in_a_class_is_told(loopline: Loopline, filled: str) -> None:
    answer = loopline("query", filled, "ground_truth.any(label == 'cub')", "--count")
    assert answer.code == 0
    assert "did you mean" in answer.err


def test_explain_shows_the_sql(loopline: Loopline, filled: str) -> None:
    assert "SELECT" in loopline("query", filled, "width > 50", "--explain").out


def test_facets_and_histogram(loopline: Loopline, filled: str) -> None:
    found = loopline("facets", filled, "ground_truth.label", "--where", "width < 60", "--json").document
    assert [(row["value"], row["count"]) for row in found["values"]] == [("cup", 2), ("dog", 1)]
    assert "████" in loopline("facets", filled, "ground_truth.label").out
    bins = loopline("histogram", filled, "width", "--bins", 5, "--range", 40, 90, "--json").document
    assert bins["counts"] == [1, 1, 1, 1, 2]
    assert "width from" in loopline("histogram", filled, "width").out


def test_tags_come_and_go(loopline: Loopline, mine: str) -> None:
    assert loopline("tag", mine, "wide", "todo", "--where", "width > 70", "--json").document["added"] == 4
    assert loopline("query", mine, "'wide' in tags", "--count").out == "2\n"
    assert loopline("tag", mine, "todo", "--remove", "--json").document["removed"] == 2
    assert loopline("tag", mine, "odd", "--field", "ground_truth", "--where", "label == 'dog'").code == 0
    assert loopline("query", mine, "'odd' in tags", "--objects", "ground_truth", "--count").out == "2\n"


def test_columns_are_added_set_and_dropped(loopline: Loopline, mine: str, tmp_path: Path) -> None:
    assert loopline("column", "add", mine, "weather", "text", "--values", "sun,rain").code == 0
    assert loopline("column", "add", mine, "objects", "int").code == 0
    assert loopline("set", mine, "objects", "--expr", "ground_truth.count()").code == 0
    assert loopline("set", mine, "weather", "--value", "sun", "--where", "id >= 4", "--json").document["samples"] == 2
    table = tmp_path / "weather.csv"
    table.write_text("path,weather\n0.png,rain\nnope.png,sun\n")
    answer = loopline("set", mine, "weather", "--csv", table)
    assert "1 row of" in answer.out
    rows = loopline("query", mine, "--columns", "weather,objects", "--json").document["rows"]
    assert [row["weather"] for row in rows] == ["rain", None, None, None, "sun", "sun"]
    assert [row["objects"] for row in rows] == [2, 1, 1, 2, 0, 0]
    assert loopline("set", mine, "weather", "--value", "fog").code == 1
    assert loopline("set", mine, "objects", "--value", "many").code == 1
    assert loopline("set", mine, "objects", "--value", "1", "--clear").code == 2
    assert loopline("column", "retype", mine, "objects", "float").code == 0
    assert loopline("column", "rename", mine, "objects", "amount").code == 0
    assert loopline("column", "drop", mine, "weather").code == 0
    assert [(c.name, c.type) for c in ll.open(mine).schema.columns if c.name == "amount"] == [("amount", "float")]


def test_fields_classes_and_attributes_change(loopline: Loopline, mine: str) -> None:
    assert loopline("field", "add", mine, "review", "box", "--class", "good", "--class", "bad").code == 0
    assert loopline("field", "rename", mine, "review", "checked").code == 0
    renamed = loopline(
        "field", "classes", mine, "ground_truth", "--rename", "cup=mug", "--add", "cat", "--json"
    ).document
    assert renamed["classes"] == ["mug", "dog", "cat"]
    assert renamed["objects_changed"] == 4
    assert loopline("field", "classes", mine, "ground_truth", "--add", "hat", "--rename", "mug").code == 2
    assert loopline("field", "classes", mine, "ground_truth", "--json").document["classes"] == ["mug", "dog", "cat"]
    attribute = ("field", "attribute")
    assert loopline(*attribute, "add", mine, "ground_truth", "hidden", "int", "--default", "0").code == 0
    assert loopline(*attribute, "rename", mine, "ground_truth", "hidden", "occluded").code == 0
    assert loopline(*attribute, "retype", mine, "ground_truth", "occluded", "bool").code == 0
    assert loopline("query", mine, "not occluded", "--objects", "ground_truth", "--count").out == "6\n"
    assert loopline(*attribute, "drop", mine, "ground_truth", "occluded").code == 0
    assert loopline("field", "drop", mine, "checked").code == 0


def test_versions_are_named_compared_and_restored(loopline: Loopline, mine: str) -> None:
    assert loopline("version", mine, "v1", "-m", "first").code == 0
    assert loopline("delete", mine, "--where", "width == 40").out == "deleted 1 sample\n"
    assert (
        loopline("delete", mine, "--field", "ground_truth", "--where", "label == 'dog'", "--json").document["deleted"]
        == 1
    )
    found = loopline("diff", mine, "v1", "--rows", "--json").document
    assert found["samples"]["removed"] == 1
    assert found["fields"]["ground_truth"]["removed"] == 3
    assert len(found["rows"]["ground_truth"]) == 3
    assert "ground_truth" in loopline("diff", mine, "v1", "--rows").out
    assert loopline("info", mine, "--at", "v1", "--json").document["samples"] == 6
    assert loopline("restore", mine, "v1").code == 0
    assert "nothing changed" in loopline("diff", mine, "v1").out
    log = loopline("log", mine, "--json").document
    assert [entry["verb"] for entry in log][:2] == ["restore", "delete objects"]
    assert "v1" in loopline("log", mine).out
    assert [v["name"] for v in loopline("version", mine, "--json").document] == ["v1"]
    assert loopline("version", mine, "v1", "--remove").code == 0
    assert loopline("version", mine, "--json").document == []


def test_blame_tells_the_life_of_an_object(loopline: Loopline, mine: str) -> None:
    assert loopline("field", "classes", mine, "ground_truth", "--rename", "cup=mug").code == 0
    one = int(ll.open(mine).objects("ground_truth").where("label == 'mug'").ids()[0])
    changes = loopline("blame", mine, one, "--field", "ground_truth", "--json").document
    assert [change["change"] for change in changes] == ["changed", "added"]
    assert "label: cup → mug" in loopline("blame", mine, one, "--field", "ground_truth").out


def test_export_writes_what_add_reads(loopline: Loopline, mine: str, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    answer = loopline("export", mine, target, "--format", "coco", "--where", "ground_truth.count() > 0")
    assert answer.code == 0
    assert answer.out.startswith("wrote 4 samples with 6 objects")
    assert loopline("export", mine, target, "--format", "coco").code == 1
    assert loopline("export", mine, target, "--format", "coco", "--overwrite", "--json").document["samples"] == 6
    assert loopline("create", "second").code == 0
    assert loopline("add", "second", target, "--json").document["objects_added"] == {"ground_truth": 6}


def test_copy_takes_a_part_of_another_data_set(loopline: Loopline, mine: str) -> None:
    assert loopline("create", "part").code == 0
    report = loopline("copy", "part", mine, "--where", "width < 60", "--json").document
    assert (report["samples_added"], report["objects_added"]) == (2, {"ground_truth": 3})


def test_upkeep_says_what_it_would_do(loopline: Loopline, mine: str) -> None:
    assert loopline("upkeep", mine, "--dry-run", "--json").document["dry_run"] is True
    assert loopline("upkeep", mine, "--expire-older-than", "0m").code == 0
    assert loopline("upkeep", mine, "--expire-older-than", "soon").code == 2


def test_real_voc_and_coco_sets_arrive_with_one_command_each(loopline: Loopline, shared_data: Path) -> None:
    expected = {
        "face_mask": (597, 2976),
        "bccd": (292, 3943),
    }
    for name, (samples, boxes) in expected.items():
        assert loopline("create", name).code == 0
        report = loopline("add", name, shared_data / name, "--json").document
        assert (report["samples_added"], report["objects_added"]["ground_truth"]) == (samples, boxes)


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.parquet", "boxes.json"])
def test_export_sees_the_format_from_the_ending(loopline: Loopline, filled: str, tmp_path: Path, name: str) -> None:
    assert loopline("export", filled, tmp_path / name, "--json").document["objects"] == 6
