"""Cards: what is wrong in one is told with its place and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopline.errors import ModelError
from loopline.models import heads, load, zoo
from loopline.models.card import card_from_toml, read_card
from loopline.models.fetch import fetch

GOOD = """
name = "m"
weights = "m.onnx"
classes = ["a", "b"]
[input]
width = 64
height = 32
[output]
decoder = "yolo8"
min_score = 0.1
"""


def test_a_card_says_all_there_is_to_know() -> None:
    card = card_from_toml(GOOD)
    assert card.task == "detection"
    assert card.class_names() == ("a", "b")
    assert isinstance(card.output, heads.Yolo8)
    assert card.output.min_score == 0.1


@pytest.mark.parametrize(
    ("old", "new", "what", "hint"),
    [
        ('"yolo8"', '"yolo99"', "yolo99", "yolo8"),
        ("width = 64", 'width = "wide"', "int", "docs/models.md"),
        ("width = 64", "widht = 64", "widht", 'did you mean "width"'),
        ("width = 64\n", "", "needs width and height", ""),
        ('classes = ["a", "b"]', "", "no classes", "classes = "),
        ('classes = ["a", "b"]', 'classes = "none.txt"', "class list", ""),
        ('classes = ["a", "b"]', "std = 1", "unknown field", "docs"),
        ("min_score", "minimum", "minimum", ""),
        ("name = ", "name : ", "is not TOML", ""),
    ],
)
def test_a_bad_card_says_where_and_what(old: str, new: str, what: str, hint: str) -> None:
    with pytest.raises(ModelError) as error:
        card_from_toml(GOOD.replace(old, new), where="m.toml")
    assert what in str(error.value)
    assert hint in error.value.hint or new.startswith("std")
    assert "m.toml" in error.value.where or "none.txt" in error.value.where


def test_a_model_without_an_output_is_none() -> None:
    with pytest.raises(ModelError, match="without an output"):
        card_from_toml(GOOD[: GOOD.index("[output]")])


def test_what_changes_the_answers_changes_the_fingerprint() -> None:
    cards = [GOOD, GOOD.replace("0.1", "0.2"), GOOD.replace("64", "96"), GOOD.replace('"b"', '"c"')]
    assert len({card_from_toml(text).fingerprint() for text in cards}) == 4
    assert card_from_toml(GOOD).fingerprint() == card_from_toml('licence = "MIT"' + GOOD).fingerprint()


def test_a_name_that_is_no_model_offers_near_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="yunet_n"):
        load.load("yunet")
    (tmp_path / "m.onnx").touch()
    with pytest.raises(ModelError, match="needs a card beside it"):
        load.load(tmp_path / "m.onnx")


def test_missing_weights_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LOOPLINE_MODELS", raising=False)
    with pytest.raises(ModelError, match="loopline models get yunet_n"):
        load.load("yunet_n")
    with pytest.raises(ModelError, match="--from"):
        zoo.get("yunet_n")


def test_weights_of_another_hash_are_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "w.onnx").write_bytes(b"weights")
    with pytest.raises(ModelError, match="another hash"):
        zoo.get("yunet_n", str(tmp_path / "w.onnx"))
    assert not list((tmp_path / "cache").rglob("*.onnx"))


def test_a_file_is_fetched_from_a_path_or_url_under_its_own_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setenv("LOOPLINE_MODELS", str(folder))
    (tmp_path / "w.onnx").write_bytes(b"weights")
    (folder / "m.toml").write_text(GOOD + f'[[source]]\nfile = "{tmp_path / "w.onnx"}"\n')
    assert "m" in {one.name for one in zoo.models()}
    assert zoo.get("m").read_bytes() == b"weights"
    assert zoo.model("m").weights
    assert fetch((tmp_path / "w.onnx").as_uri(), "", tmp_path / "again") == fetch(
        str(tmp_path / "w.onnx"), "", tmp_path / "more"
    )


def test_without_internet_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs the internet"):
        fetch("http://127.0.0.1:9/w.onnx", "", tmp_path / "w.onnx")
    assert list(tmp_path.iterdir()) == []


def test_every_card_that_comes_along_can_be_read() -> None:
    for path in load.cards().values():
        assert read_card(path).name == path.stem
