"""PyTorch modules with a card: weights from safetensors, or from a torch file that may hold nothing but tensors.

from loopline.models.torch import module_model

model = module_model(MyNet(), read_card(Path("mynet.toml")), Path("mynet.safetensors"))
ds.predict(model, "predictions")
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loopline.errors import MissingDependency, ModelError
from loopline.models.card import Card
from loopline.models.carded import CardModel
from loopline.models.protocol import Float32

if TYPE_CHECKING:
    import torch


def module_model(
    module: torch.nn.Module,
    card: Card,
    weights: Path | None = None,
    *,
    min_score: float | None = None,
    device: str = "cpu",
) -> CardModel:
    """A module as a model. It takes a batch as the card's [input] says, and gives a tensor, a tuple, or a dict.

    weights  its state: `.safetensors`, or a file of `torch.save` (read with `weights_only=True`: no code runs)

    Outputs are named by the dict's keys, else "output0", "output1", … Raises ModelError, MissingDependency.
    """
    digest = ""
    if weights is not None:
        digest = load_state(module, weights)
    ready = module.eval().to(device)
    outputs = tuple(_ran(ready, _grey(card), device))
    return CardModel(card, _Module(ready, device, outputs, digest or _digest(ready)), min_score=min_score)


def load_state(module: torch.nn.Module, weights: Path) -> str:
    """Fill a module with a file's weights; their SHA-256."""
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"its weights cannot be read: {error.strerror}", where=str(weights)) from None
    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load

            state = load(content)
        else:
            import io

            import torch

            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
                state = state["state_dict"]
        module.load_state_dict(state)
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed", hint=f"pip install {error.name}") from error
    except Exception as error:  # torch raises pickle, runtime, key and type errors here
        raise ModelError(f"its weights do not fit: {error}", where=str(weights)) from None
    return hashlib.sha256(content).hexdigest()


def _digest(module: torch.nn.Module) -> str:
    """A hash of the weights that a module has already."""
    told = hashlib.sha256()
    for name, value in module.state_dict().items():
        told.update(name.encode())
        told.update(value.detach().cpu().numpy().tobytes())
    return told.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """A module as a `Network`."""

    module: torch.nn.Module
    device: str
    outputs: tuple[str, ...]
    digest: str
    fixed_batch: int = 0

    def run(self, names: Sequence[str], tensor: Float32) -> Mapping[str, Float32]:  # noqa: ARG002
        return _ran(self.module, tensor, self.device)


def _ran(module: torch.nn.Module, tensor: Float32, device: str) -> dict[str, Float32]:
    import torch

    with torch.inference_mode():
        found: Any = module(torch.from_numpy(tensor).to(device))
    if isinstance(found, torch.Tensor):
        found = (found,)
    if not isinstance(found, Mapping):
        found = {f"output{i}": value for i, value in enumerate(found)}
    return {name: value.float().cpu().numpy() for name, value in found.items()}


def _grey(card: Card) -> Float32:
    """A batch of one, to see what a module gives."""
    wide, high = card.input.width or 64, card.input.height or 64
    shape = (1, 3, high, wide) if card.input.layout == "nchw" else (1, high, wide, 3)
    return np.zeros(shape, np.float32)
