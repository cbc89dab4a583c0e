"""Words among pictures: a pair of networks from a card, and a classifier with a network for sentences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue, ModelError
from loopline.models import load, zoo
from loopline.models.load import card
from loopline.models.pictures import picture_from_file
from loopline.models.protocol import Embedder, Predictor, TextEmbedder
from tests.models import tiny_onnx

pytest.importorskip("onnxruntime")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "photo", "of"]
TABLE = np.array([[9, 9, 9], *[[0, 0, 0]] * 3, [1, 0, 0], [0, 1, 0], [0, 0, 1], *[[0, 0, 0]] * 2], np.float32)
TEXT = """
[text]
weights = "words.onnx"
tokenizer = "words.txt"
"""


def pair(folder: Path, text: str = TEXT, table: np.ndarray = TABLE) -> Path:
    """A card whose picture half gives the mean colour and whose text half knows three colours by name."""
    path = tiny_onnx.card(folder, tiny_onnx.CARD.replace("normalise = false", "normalise = true") + text)
    tiny_onnx.lookup(folder / "words.onnx", table)
    (folder / "words.txt").write_text("\n".join(WORDS))
    return path


@pytest.fixture
def ds(tmp_path: Path) -> ll.Dataset:
    """A red, a green, a blue and a yellow picture."""
    (tmp_path / "pictures").mkdir()
    for name in ("red", "green", "blue", "yellow"):
        Image.new("RGB", (20, 12), name).save(tmp_path / "pictures" / f"{name}.png")
    made = ll.create(str(tmp_path / "set"))
    made.add(tmp_path / "pictures")
    return made


def first(found: object) -> str:
    return str(found.to_arrow()["path"][0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["", 'template = "photo of {}"'])
def test_words_find_the_pictures_that_they_name(ds: ll.Dataset, tmp_path: Path, how: str) -> None:
    ds.embed(pair(tmp_path / "model", TEXT + how), key="words")
    assert first(ds.similar(text="blue")) == "blue.png"
    both = ds.similar(text="red, green", key="words").to_arrow()["path"].to_pylist()
    assert both[0] == "yellow.png"
    assert first(ds.similar(text="green", within=ds.where("path != 'green.png'"))) == "yellow.png"


def test_words_are_asked_on_the_command_line(ds: ll.Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ds.embed(pair(tmp_path / "model"), key="words")
    capfd.readouterr()
    assert run(["similar", str(tmp_path / "set"), "--text", "green", "--limit", "1", "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["rows"]
    assert (row["path"], row["similarity"]) == ("green.png", pytest.approx(1, abs=1e-3))
    assert run(["similar", str(tmp_path / "set")]) == 1
    assert "similar to what?" in capfd.readouterr().err


def test_a_model_that_knows_no_words_and_a_pair_that_does_not_fit_say_so(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.embed(key="look")
    with pytest.raises(BadValue, match="knows no words"):
        ds.similar(text="red")
    with pytest.raises(BadValue, match="is no file"):
        ds.similar("red")
    with pytest.raises(BadValue, match="similar to what"):
        ds.similar(1, text="red")
    ds.embed(pair(tmp_path / "wide", table=np.ones((9, 4), np.float32)), key="wide")
    with pytest.raises(ModelError, match="words have 4 numbers and pictures 3"):
        ds.similar(text="red", key="wide")
    with pytest.raises(BadValue, match="no words to look for"):
        ds.similar(text=" ", key="wide")
    with pytest.raises(ModelError, match=r"\[embedding\]"):
        card(str(tiny_onnx.card(tmp_path / "none", tiny_onnx.CARD.partition("[embedding]")[0] + TEXT)))
    (tmp_path / "wide" / "words.txt").unlink()
    with pytest.raises(ModelError, match=r"words\.txt"):
        load.load(tmp_path / "wide" / "means.toml")


def test_weights_that_changed_since_are_noticed(ds: ll.Dataset, tmp_path: Path) -> None:
    path = pair(tmp_path / "model")
    ds.embed(path, key="words")
    path.write_text(path.read_text().replace("std = [255]", "std = [100]"))
    with pytest.raises(BadValue, match="another version"):
        ds.similar(text="red")


def test_a_classifier_and_a_network_for_sentences_stand_in_for_a_pair(ds: ll.Dataset, tmp_path: Path) -> None:
    path = pair(tmp_path / "model", TEXT + 'through = "classes"\ntemplate = "photo of {}"\ntop = 2\n')
    model = load.load(path)
    assert isinstance(model, Predictor)
    assert isinstance(model, Embedder)
    assert isinstance(model, TextEmbedder)
    assert (model.dimension, model.normalised) == (3, True)
    parts = model.prepare(picture_from_file(tmp_path / "pictures" / "red.png"))
    assert len(parts) == 4
    ds.embed(path, key="words")
    assert first(ds.similar(text="photo of red")) == "red.png"
    assert ds.similar(text="blue").similarity[0] > 0.99
    ds.predict(path, into="colours")
    assert "red" in ds.objects("colours").to_arrow(["label"])["label"].to_pylist()


def test_the_built_in_pair_names_what_is_missing_and_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOOPLINE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = zoo.model("imagenet_words")
    assert (known.weights, known.task) == ("", "classification and embedding, words")
    (tmp_path / "efficientnet_lite0_imagenet.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"paraphrase-MiniLM-L3-v2\.onnx of imagenet_words"):
        load.load("imagenet_words")
    tiny_onnx.lookup(tmp_path / "elsewhere.onnx", TABLE)
    path = pair(tmp_path / "pair", TEXT + f'[[text.source]]\nfile = "{tmp_path / "elsewhere.onnx"}"\n')
    (tmp_path / "pair" / "words.onnx").unlink()
    monkeypatch.setenv("LOOPLINE_MODELS", str(tmp_path / "pair"))
    assert zoo.model("means").weights == ""
    assert zoo.get("means") == path.with_suffix(".onnx")
    assert (tmp_path / "cache" / "loopline" / "models" / "words.onnx").is_file()
    assert isinstance(load.load("means"), TextEmbedder)
