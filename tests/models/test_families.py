"""Models of other libraries, tiny and with weights at random, where torch and the library are installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loopline.models import load
from loopline.models.card import card_from_toml
from loopline.models.pictures import picture_of
from loopline.models.protocol import Embedder, Predictor, TextEmbedder, embed_pictures, predict_pictures
from tests.models.test_tokens import clip_like

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's libraries warn of their own future

SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
NORMAL = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.fixture
def pictures() -> list[Any]:
    rng = np.random.default_rng(0)
    return [picture_of(rng.integers(0, 256, size, dtype=np.uint8)) for size in ((40, 60, 3), (33, 31, 3))]


@pytest.fixture
def transformers() -> Any:
    pytest.importorskip("torch")
    return pytest.importorskip("transformers")


def test_a_classifier_of_transformers_gives_the_class_that_its_logits_name(
    transformers: Any, tmp_path: Path, pictures: list[Any]
) -> None:
    import torch

    torch.manual_seed(0)
    config = transformers.ViTConfig(**SIZE, image_size=32, patch_size=8, id2label={0: "cat", 1: "dog", 2: "bird"})
    module = transformers.ViTForImageClassification(config).eval()
    module.save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}, **NORMAL).save_pretrained(tmp_path)
    model = load.load(f"hf:{tmp_path}")
    assert isinstance(model, Predictor)
    assert (model.about.kind, model.about.classes) == ("class", ("cat", "dog", "bird"))
    rows = predict_pictures(model, pictures).to_pylist()
    inputs = transformers.ViTImageProcessor.from_pretrained(tmp_path)(
        images=[picture.rgb for picture in pictures], return_tensors="pt"
    )
    with torch.inference_mode():
        share = module(**inputs).logits.softmax(-1)
    assert [row["label"] for row in rows] == [model.about.classes[i] for i in share.argmax(-1).tolist()]
    assert [row["score"] for row in rows] == pytest.approx(share.max(-1).values.tolist(), abs=1e-5)


def test_a_detector_of_transformers_gives_boxes_in_pixels_of_each_picture(
    transformers: Any, tmp_path: Path, pictures: list[Any]
) -> None:
    config = transformers.YolosConfig(
        **SIZE, image_size=[32, 32], patch_size=8, num_detection_tokens=5, id2label={0: "cat", 1: "dog"}
    )
    transformers.YolosForObjectDetection(config).save_pretrained(tmp_path)
    transformers.YolosImageProcessor(size={"height": 32, "width": 32}, do_pad=False).save_pretrained(tmp_path)
    model = load.load(f"hf:{tmp_path}", min_score=0.0)
    assert isinstance(model, Predictor)
    assert model.about.kind == "box"
    rows = predict_pictures(model, pictures).to_pylist()
    assert {row["place"] for row in rows} == {0, 1}
    assert len(rows) == 10
    for row in rows:
        picture = pictures[row["place"]]
        assert 0 <= row["x"] <= row["x"] + row["w"] <= picture.width + 1e-3
        assert 0 <= row["y"] <= row["y"] + row["h"] <= picture.height + 1e-3


def test_a_clip_of_transformers_has_pictures_and_words_in_one_space(
    transformers: Any, tmp_path: Path, pictures: list[Any]
) -> None:
    pytest.importorskip("tokenizers")
    told = clip_like()
    (tmp_path / "vocab.json").write_text(json.dumps(told["model"]["vocab"]))  # type: ignore[index]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(told["model"]["merges"]))  # type: ignore[index]
    size = len(told["model"]["vocab"])  # type: ignore[index]
    text = {**SIZE, "vocab_size": size, "max_position_embeddings": 20, "eos_token_id": size - 1}
    config = transformers.CLIPConfig(
        text_config=text, vision_config={**SIZE, "image_size": 32, "patch_size": 8}, projection_dim=12
    )
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    side = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size=side, crop_size=side).save_pretrained(tmp_path)
    tokenizer = transformers.CLIPTokenizerFast(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    tokenizer.save_pretrained(tmp_path)
    model = load.load(f"hf:{tmp_path}")
    assert isinstance(model, Embedder)
    assert isinstance(model, TextEmbedder)
    vectors, words = embed_pictures(model, pictures), model.embed_text(["the dog", "cat"])
    assert vectors.shape == words.shape == (2, 12)
    assert model.dimension == 12
    assert np.linalg.norm(words, axis=1) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    assert np.abs(words[0] - words[1]).max() > 1e-4


def test_a_plain_encoder_of_transformers_makes_vectors(transformers: Any, tmp_path: Path, pictures: list[Any]) -> None:
    config = transformers.ViTConfig(**SIZE, image_size=32, patch_size=8)
    transformers.ViTModel(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}, **NORMAL).save_pretrained(tmp_path)
    model = load.load(f"hf:{tmp_path}")
    assert isinstance(model, Embedder)
    assert not isinstance(model, TextEmbedder)
    assert embed_pictures(model, pictures).shape == (2, model.dimension) == (2, 16)


def test_a_model_of_timm_classifies_and_embeds(monkeypatch: pytest.MonkeyPatch, pictures: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    made = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: made(name, pretrained=False, num_classes=1000))
    model = load.load("timm:test_vit")
    assert isinstance(model, Predictor)
    assert isinstance(model, Embedder)
    rows = predict_pictures(model, pictures).to_pylist()
    assert [row["place"] for row in rows] == [0, 1]
    assert {row["label"] for row in rows} <= set(model.about.classes)
    vectors = embed_pictures(model, pictures)
    assert vectors.shape == (2, model.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    assert torch.isfinite(torch.from_numpy(vectors)).all()


def test_weights_in_safetensors_fill_a_module(tmp_path: Path, pictures: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    from loopline.models.torch import module_model

    class Colours(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.zeros(3))

        def forward(self, batch: Any) -> dict[str, Any]:
            return {"mean": batch.mean(dim=(2, 3)) * self.scale}

    safetensors.save_file({"scale": torch.tensor([1.0, 2.0, 3.0])}, tmp_path / "colours.safetensors")
    card = card_from_toml(
        'name = "c"\n[input]\nwidth = 8\nheight = 8\n[embedding]\ntensor = "mean"\nnormalise = false\n'
    )
    model = module_model(Colours(), card, tmp_path / "colours.safetensors")
    rgb = np.full((8, 8, 3), 5, np.uint8)
    assert model.embed([model.prepare(picture_of(rgb))])[0] == pytest.approx([5, 10, 15])
