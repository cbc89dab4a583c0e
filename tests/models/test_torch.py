"""PyTorch modules with a card, where torch is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loopline.errors import MissingDependency, ModelError
from loopline.models import load
from loopline.models.card import card_from_toml
from loopline.models.pictures import picture_of
from loopline.models.protocol import predict_pictures

CARD = """
name = "means"
classes = ["red", "green", "blue"]
[input]
width = 8
height = 8
std = [255]
[output]
decoder = "classes"
activation = "none"
[embedding]
tensor = "output0"
normalise = false
"""


def test_a_module_runs_from_a_card_with_weights_that_hold_no_code(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from loopline.models.torch import module_model

    class Means(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.zeros(1))

        def forward(self, batch: object) -> object:
            return batch.mean(dim=(2, 3)) * self.scale  # type: ignore[attr-defined]

    torch.save({"scale": torch.ones(1)}, tmp_path / "means.pt")
    model = module_model(Means(), card_from_toml(CARD), tmp_path / "means.pt")
    rgb = np.broadcast_to(np.array([0, 255, 51], np.uint8), (5, 7, 3))
    (row,) = predict_pictures(model, [picture_of(rgb)]).to_pylist()
    assert (row["label"], row["score"]) == ("green", pytest.approx(1.0))
    assert model.embed([model.prepare(picture_of(rgb))])[0] == pytest.approx([0, 1, 0.2])
    assert model.dimension == 3

    class Sly:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "was_here",)

    torch.save(Sly(), tmp_path / "sly.pt")
    with pytest.raises(ModelError, match="do not fit"):
        module_model(Means(), card_from_toml(CARD), tmp_path / "sly.pt")
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize("name", ["timm:resnet18", "hf:nobody/nothing", "ultralytics:none.pt"])
def test_another_library_s_model_says_what_to_install(name: str) -> None:
    package = {"timm": "timm", "hf": "transformers", "ultralytics": "ultralytics"}[name.partition(":")[0]]
    try:
        __import__(package)
    except ImportError:
        with pytest.raises(MissingDependency, match="not installed"):
            load.load(name)
    else:
        pytest.skip(f"{package} is installed here")
