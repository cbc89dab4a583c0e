"""Models by name: a card, a file, or another library's model."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final, TypeAlias

from loopline.errors import ModelError, near
from loopline.models.card import Card, read_card
from loopline.models.class_words import ClassWords
from loopline.models.histogram import Histogram
from loopline.models.onnx import OnnxModel
from loopline.models.protocol import Embedder, Predictor
from loopline.models.text import PairModel, TextTower

Model: TypeAlias = "Predictor | Embedder"

BUILT_IN: Final = "histogram"

_FAMILIES: Final = {
    "timm": "loopline.models.timm",
    "hf": "loopline.models.huggingface",
    "ultralytics": "loopline.models.ultralytics",
}
"""Prefix of a name → module with `load(rest, min_score) -> Model`; imported when asked for."""


def cards_folder() -> Path:
    """The cards that come with Loopline."""
    return Path(str(resources.files("loopline.models"))) / "cards"


def model_folders() -> list[Path]:
    """Where weights are looked for: `$LOOPLINE_MODELS` (several, separated as in PATH), then the cache."""
    named = [Path(part).expanduser() for part in os.environ.get("LOOPLINE_MODELS", "").split(os.pathsep) if part]
    return [*named, cache_folder()]


def cache_folder() -> Path:
    """Where `loopline models get` puts weights."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "loopline" / "models"


def cards() -> dict[str, Path]:
    """Cards by name: those in the model folders, and those that come with Loopline."""
    found: dict[str, Path] = {}
    for folder in (cards_folder(), *reversed(model_folders())):
        if folder.is_dir():
            found.update({file.stem: file for file in sorted(folder.glob("*.toml")) if file.name != "zoo.toml"})
    return found


def card(name: str) -> Card:
    """A card by its name or path. Raises ModelError with near names."""
    path = Path(name).expanduser()
    if path.suffix == ".toml":
        return read_card(path)
    if path.suffix == ".onnx":
        beside = path.with_suffix(".toml")
        if not beside.is_file():
            raise ModelError(
                "a model file needs a card beside it", where=str(path), hint=f"write {beside.name}: see docs/models.md"
            )
        return read_card(beside)
    known = cards()
    if name not in known:
        raise ModelError(f'no model "{name}"', hint=near(name, [*known, BUILT_IN]) + "; or give the path of a card")
    return read_card(known[name])


def weights_of(found: Card) -> Path | None:
    """The weights of a card: beside it, else in a model folder; None where they are not there."""
    return file_of(found, found.weights)


def file_of(found: Card, name: str) -> Path | None:
    """A file that a card names, likewise."""
    files = (folder / name for folder in (Path(found.folder), *model_folders()))
    return next((file for file in files if name and file.is_file()), None)


def load(name: str | os.PathLike[str], *, min_score: float | None = None, threads: int | None = None) -> Model:
    """A model, ready to work.

    name       "histogram" (built in) · a card's name, see `loopline models` · the path of a card or of an ONNX file with
               a card beside it · "timm:…", "hf:…", "ultralytics:…" where those are installed
    min_score  what is less sure is left out; default: as the card says
    threads    for the model; default: every core

    Raises ModelError, MissingDependency.
    """
    text = os.fspath(name)
    if text == BUILT_IN:
        return Histogram()
    prefix, mark, rest = text.partition(":")
    if mark and prefix in _FAMILIES:
        module = importlib.import_module(_FAMILIES[prefix])
        made: Callable[[str, float | None], Model] = module.load
        return made(rest, min_score)
    found = card(text)
    if found.family != "onnx":
        raise ModelError(f'unknown family "{found.family}"', where=found.name, hint='a card is for family = "onnx"')
    weights = _here(found, found.weights)
    if found.text is None:
        return OnnxModel(found, weights, min_score=min_score, threads=threads)
    words, tokenizer = _here(found, found.text.weights), _here(found, found.text.tokenizer)
    tower = TextTower(found.text, words, tokenizer, name=found.name, threads=threads)
    if found.text.through:
        return ClassWords(OnnxModel(found, weights, min_score=min_score, threads=threads), tower, found.text)
    return PairModel(found, weights, tower, min_score=min_score, threads=threads)


def _here(found: Card, name: str) -> Path:
    file = file_of(found, name)
    if file is None:
        raise ModelError(
            f"the file {name} of {found.name} is not on this machine",
            hint=f"loopline models get {found.name}; or put it in {cache_folder()} or a folder of $LOOPLINE_MODELS",
        )
    return file
