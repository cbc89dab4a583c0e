"""ONNX files with a card, through onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loopline.errors import ModelError
from loopline.models.carded import CardModel
from loopline.models.load import load
from loopline.models.pictures import picture_of
from loopline.models.protocol import Picture, predict_pictures
from tests.models.making import dataset
from tests.models.tiny_onnx import CARD, card

pytest.importorskip("onnxruntime")


def plain(*rgb: int) -> Picture:
    return picture_of(np.broadcast_to(np.array(rgb, np.uint8), (5, 7, 3)))


@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_a_batch_of_any_size_runs_on_a_model_of_any_batch(tmp_path: Path, batch: int | str) -> None:
    model = load(card(tmp_path, batch=batch))
    assert isinstance(model, CardModel)
    rows = predict_pictures(model, [plain(255, 0, 0), plain(0, 51, 0), plain(0, 0, 255)]).to_pylist()
    assert [(r["place"], r["label"]) for r in rows] == [(0, "red"), (1, "green"), (2, "blue")]
    assert rows[1]["score"] == pytest.approx(0.2)
    assert model.dimension == 3


def test_pictures_of_different_sizes_run_in_one_batch(tmp_path: Path) -> None:
    text = CARD.replace("width = 8\nheight = 8", 'resize = "pad"\nmultiple_of = 4\npad_value = 0')
    model = load(card(tmp_path, text, side="s"))
    assert isinstance(model, CardModel)
    sizes = [(4, 4), (4, 4), (8, 4), (4, 4)]
    pictures = [picture_of(np.full((h, w, 3), 255, np.uint8)) for h, w in sizes]
    assert model.embed([model.prepare(p) for p in pictures]).tolist() == [[1, 1, 1]] * 4


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("width = 8", "width = 9", "takes 8×8"),
        ("[input]", '[input]\nname = "picture"', 'no input "picture"'),
        ('licence = "Apache-2.0"', 'sha256 = "00"', "another SHA-256"),
    ],
)
def test_a_card_that_is_not_about_the_model_is_told(tmp_path: Path, old: str, new: str, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        load(card(tmp_path, CARD.replace(old, new)))


def test_an_output_that_is_not_there_is_told(tmp_path: Path) -> None:
    model = load(card(tmp_path, CARD.replace("[embedding]", '[embedding]\ntensor = "none"')))
    assert isinstance(model, CardModel)
    with pytest.raises(ModelError, match="there are means"):
        model.embed([model.prepare(plain(0, 0, 0))])


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    path = card(tmp_path)
    (tmp_path / "means.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot load it"):
        load(path)


def test_a_data_set_is_predicted_and_embedded_by_the_path_of_a_card(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 5)
    path = card(tmp_path / "model")
    report = ds.predict(path, "colour")
    assert report.rows == 5
    assert ds.facets("colour.label").to_pylist() == [{"value": "green", "count": 5, "samples": 5}]
    assert ds.predict(path, "sure", min_score=0.5).rows == 0
    ds.embed(path, key="means")
    assert np.allclose(ds.vectors("means")[1][:, 1], 100 / 255, atol=1e-3)
