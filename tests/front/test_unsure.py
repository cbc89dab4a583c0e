"""What a model is unsure of and what it says otherwise than people do, as columns and as queues to label."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue
from loopline.store import edits
from loopline.store.vectors import Embedding, write_vectors


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> ll.Dataset:
    """Five pictures: found, found with doubt, missed, seen where nothing is, empty."""
    folder = tmp_path_factory.mktemp("unsure")
    (folder / "media").mkdir()
    for i in range(5):
        Image.new("RGB", (100, 100), (40 * i, 0, 0)).save(folder / "media" / f"{i}.png")
    made = ll.create(str(folder / "set"))
    made.add(folder / "media")
    a, b, c, d, _ = made.view().ids().tolist()
    for name, kind in (("truth", "box"), ("guess", "box"), ("kind", "class"), ("said", "class")):
        made.fields.add(name, kind, classes=["dog", "cat"])
    box = {"x": 10.0, "y": 10.0, "w": 50.0, "h": 50.0, "label": "dog"}
    truth = [{**box, "sample_id": i} for i in (a, b, c)]
    guess = [{**box, "sample_id": i, "score": s, "x": 11.0} for i, s in ((a, 1.0), (b, 0.5), (d, 0.8))]
    kind = [{"sample_id": i, "label": "dog"} for i in (a, b, c)]
    said = [{"sample_id": i, "label": n, "score": s} for i, n, s in ((a, "dog", 0.9), (b, "dog", 0.6), (c, "cat", 0.7))]
    for name, rows in (("truth", truth), ("guess", guess), ("kind", kind), ("said", said)):
        edits.add_objects(made.lake, name, pa.Table.from_pylist(rows))
    vectors = np.array([[1, 0], [0, 1], [1, 1], [0, 1], [1, 0]], np.float32)
    write_vectors(made.lake, Embedding("v", "sample", "made up", "1", 2, False), np.array(made.view().ids()), vectors)
    return made


def column(ds: ll.Dataset, name: str) -> list[float | None]:
    return ds.to_arrow(["id", name]).sort_by("id")[name].to_pylist()


def test_doubt_is_a_column_that_is_empty_where_nothing_was_said(ds: ll.Dataset) -> None:
    found = ds.find.uncertain("guess")
    assert column(ds, "uncertainty") == pytest.approx([0, 1, None, 0.7219, None], abs=1e-3)
    assert found.columns == ("uncertainty",)
    assert found.table["path"].to_pylist() == ["1.png", "3.png", "0.png"]
    ds.find.uncertain("said", measure="least", into="doubt")
    assert column(ds, "doubt") == pytest.approx([0.1, 0.4, 0.3, None, None])
    assert ds.where("doubt > 0.25").count() == 2


def test_disagreement_with_boxes_and_with_classes(ds: ll.Dataset) -> None:
    ds.find.disagreement("truth", "guess")
    assert column(ds, "disagreement") == pytest.approx([0, 1 - 1 / 1.5, 1, 1, 0])
    ds.find.disagreement("kind", "said", into="wrong_class")
    assert column(ds, "wrong_class") == pytest.approx([0.1, 0.4, 1, None, None])


def test_of_a_class_that_is_said_twice_the_higher_score_counts_and_of_several_true_ones_the_mean(
    ds: ll.Dataset,
) -> None:
    a, b, c, *_ = ds.view().ids().tolist()
    kind = [{"sample_id": i, "label": n} for i, n in ((a, "dog"), (b, "dog"), (b, "cat"), (c, "cat"))]
    told = ((a, "dog", 0.2), (a, "dog", 0.9), (a, "dog", 0.5), (b, "dog", 0.6), (c, "dog", 1.0))
    said = [{"sample_id": i, "label": n, "score": s} for i, n, s in told]
    for name, rows in (("kinds", kind), ("told", said)):
        ds.fields.add(name, "class", classes=["dog", "cat"])
        edits.add_objects(ds.lake, name, pa.Table.from_pylist(rows))
    ds.find.disagreement("kinds", "told", into="wrong_classes")
    assert column(ds, "wrong_classes") == pytest.approx([0.1, (0.4 + 1) / 2, 1, None, None])


def test_a_queue_to_label_is_short_and_varied(ds: ll.Dataset) -> None:
    ids = ds.view().ids().tolist()
    plain = ds.find.uncertain("guess", count=2)
    assert plain.view is not None
    assert plain.view.ids().tolist() == [ids[1], ids[3]]
    varied = ds.find.uncertain("guess", count=2, key="v", diversity=0.5)
    assert varied.table["id"].to_pylist() == [ids[1], ids[0]]  # the other doubtful one looks the same


def test_the_command_line_writes_the_column_and_tags_the_queue(
    ds: ll.Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    place = str(ds.lake.location)
    assert run(["find", "uncertain", place, "guess", "--count", "1", "--tag", "look", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["tagged"] == 1
    assert run(["find", "disagreement", place, "truth", "guess", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["columns"] == ["disagreement"]
    assert run(["find", "uncertain", place, "guess", "--tag", "look"]) == 2


def test_labels_without_scores_are_refused(ds: ll.Dataset) -> None:
    with pytest.raises(BadValue, match="have no scores"):
        ds.find.uncertain("truth")
    with pytest.raises(BadValue, match="entropy"):
        ds.find.uncertain("guess", measure="entropi")  # type: ignore[arg-type]
