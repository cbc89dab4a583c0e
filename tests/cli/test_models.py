"""The commands for models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loopline as ll
from tests.cli.conftest import Loopline
from tests.models.making import dataset
from tests.models.tiny_onnx import card


def test_models_are_listed_with_licence_and_whether_they_are_here(
    loopline: Loopline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPLINE_MODELS", str(tmp_path / "mine"))
    card(tmp_path / "mine")
    found = {one["name"]: one for one in json.loads(loopline("models", "list", "--json").out)}
    assert found["means"]["weights"] == str(tmp_path / "mine" / "means.onnx")
    assert found["histogram"]["weights"] == "built in"
    assert all(one["licence"] for one in found.values())
    assert "classification" in loopline("models", "info", "means").out
    missing = loopline("models", "info", "meens")
    assert missing.code == 1
    assert 'did you mean "means"' in missing.err


def test_embed_and_predict_write_and_report(loopline: Loopline, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    dataset(tmp_path, 4)
    name, model = str(tmp_path / "set"), str(card(tmp_path / "model"))
    done = json.loads(loopline("embed", name, "--key", "look", "--json").out)
    assert (done["rows"], done["target"], done["model"]) == (4, "look", "histogram")
    assert "2 labels of 2 samples" in loopline("predict", name, model, "--into", "colour", "--where", "id < 2").out
    twice = loopline("predict", name, model, "--into", "colour")
    assert twice.code == 1
    assert "resume" in twice.err
    assert "had been done before" in loopline("predict", name, model, "--into", "colour", "--resume").out
    assert ll.open(name).objects("colour").count() == 4
