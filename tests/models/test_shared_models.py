"""Second opinion: eight real models run from their cards and give the results that were checked by other code."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loopline.models import inputs
from loopline.models.load import card, cards, cards_folder
from loopline.models.onnx import OnnxModel
from loopline.models.pictures import crop, picture_from_file
from loopline.models.protocol import predict_pictures

MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"
NAMES = sorted(
    file.stem for file in cards_folder().glob("*.toml") if file.stem != "zoo" and card(file.stem).text is None
)

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def checked() -> dict[str, dict[str, Any]]:
    if not MODELS.is_dir():
        pytest.skip("no models beside this checkout (../shared/models)")
    return json.loads((MODELS / "checked_outputs.json").read_text())


def made(name: str, **options: Any) -> OnnxModel:
    return OnnxModel(card(name), MODELS / f"{name}.onnx", threads=1, **options)


def test_every_model_has_a_card_and_every_card_its_licence(checked: dict[str, dict[str, Any]]) -> None:
    assert {f"{name}.onnx" for name in NAMES} == set(checked)
    assert all(card(name).licence and card(name).sha256 and card(name).origin for name in cards())


@pytest.mark.parametrize("name", NAMES)
def test_a_model_gives_what_was_checked(name: str, checked: dict[str, dict[str, Any]], shared_data: Path) -> None:
    if inputs._opencv() is None:
        pytest.skip("the figures were made with OpenCV's resizing")
    wanted = checked[f"{name}.onnx"]
    model = made(name, min_score=wanted.get("score_threshold"))
    picture = picture_from_file(shared_data / wanted["picture"])
    rows = predict_pictures(model, [picture]).to_pylist()
    if "detections" in wanted:
        assert len(rows) == len(wanted["detections"])
        for row, other in zip(rows, wanted["detections"], strict=True):
            box = (row["x"], row["y"], row["x"] + row["w"], row["y"] + row["h"])
            assert box == pytest.approx(other["box_x1y1x2y2"], abs=0.1)
            assert row["score"] == pytest.approx(other["score"], abs=0.001)
            assert row["label"] == other.get("class", row["label"])
    elif "crops" in wanted:
        crops = [crop(picture, x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in (c["box"] for c in wanted["crops"])]
        for row, other in zip(predict_pictures(model, crops).to_pylist(), wanted["crops"], strict=True):
            p_mask = row["score"] if row["label"] == "mask" else 1 - row["score"]
            assert p_mask == pytest.approx(other["p_mask"], abs=0.002)
    elif "top3" in wanted:
        assert (rows[0]["label"], rows[0]["score"]) == (wanted["top3"][0][0], pytest.approx(0.8724, abs=0.001))
        vector = model.embed([model.prepare(picture)])[0]
        assert vector[:8] * wanted["embedding_norm"] == pytest.approx(wanted["embedding_first8"], abs=0.0005)
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert model.dimension == 1280
    else:
        found = np.asarray(Image.open(io.BytesIO(rows[0]["mask"])))
        assert found.shape == (picture.height, picture.width)
        assert found.mean() == pytest.approx(wanted["share_above_0.5"], abs=0.002)


def test_a_batch_gives_what_its_pictures_give_one_by_one(checked: dict[str, dict[str, Any]], shared_data: Path) -> None:
    files = sorted((shared_data / "coco128" / "images").glob("*.jpg"))[:5]
    pictures = [picture_from_file(file) for file in files]
    for name in ("yunet_n", "fastestdet_coco", "efficientnet_lite0_imagenet"):
        model = made(name, min_score=0.3)
        together = predict_pictures(model, pictures).to_pylist()
        single = [
            {**row, "place": place}
            for place, picture in enumerate(pictures)
            for row in predict_pictures(model, [picture]).to_pylist()
        ]
        assert [(r["place"], r["label"]) for r in together] == [(r["place"], r["label"]) for r in single]
        assert [r["score"] for r in together] == pytest.approx([r["score"] for r in single], abs=1e-4)


def test_a_picture_decoded_at_half_its_size_gives_nearly_the_same(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "big.jpg"
    with Image.open(shared_data / "coco128" / "images" / "000000000036.jpg") as small:
        small.resize((small.width * 4, small.height * 4)).save(file, quality=92)
    whole, less = picture_from_file(file), picture_from_file(file, at_least=(352, 352))
    assert (less.width, less.height) == (whole.width, whole.height)
    assert less.rgb.shape[0] * 2 == whole.rgb.shape[0]
    if not MODELS.is_dir():
        pytest.skip("no models beside this checkout (../shared/models)")
    model = made("nanodet_g_416_coco", min_score=0.6)
    rows, others = (predict_pictures(model, [p]).to_pylist() for p in (whole, less))
    assert [r["label"] for r in rows] == [r["label"] for r in others]
    assert [r["x"] for r in rows] == pytest.approx([r["x"] for r in others], abs=8)
