"""Classifiers and embedders of timm: "timm:resnet18.a1_in1k". Its own configuration says how pictures go in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopline.errors import MissingDependency, ModelError
from loopline.models.card import Card, EmbeddingOutput
from loopline.models.carded import CardModel
from loopline.models.heads_whole import Classes
from loopline.models.inputs import Input
from loopline.models.protocol import Float32


def load(name: str, min_score: float | None = None) -> CardModel:
    """A pretrained model by its timm name. Raises MissingDependency, ModelError."""
    try:
        import timm
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed", hint="pip install timm") from error
    try:
        module = timm.create_model(name, pretrained=True).eval()
    except (RuntimeError, OSError, ValueError) as error:
        raise ModelError(f"timm cannot load it: {error}", where=name, hint="weights come from the internet") from error
    how = timm.data.resolve_model_data_config(module)
    _, high, wide = how["input_size"]
    count = int(getattr(module, "num_classes", 0))
    card = Card(
        name=f"timm:{name}",
        input=Input(
            width=wide,
            height=high,
            resize="short_side_crop",
            short_side=round(min(wide, high) / how.get("crop_pct", 1.0)),
            filter="bicubic" if how.get("interpolation") == "bicubic" else "bilinear",
            mean=tuple(255 * v for v in how["mean"]),
            std=tuple(255 * v for v in how["std"]),
        ),
        classes=_classes(count),
        output=Classes(tensors={"logits": "logits"}) if count else None,
        embedding=EmbeddingOutput(tensor="embedding"),
        origin=f"timm {timm.__version__}",
    )
    return CardModel(card, _Timm(module, f"timm-{timm.__version__}-{name}"), min_score=min_score)


def _classes(count: int) -> list[str]:
    """ImageNet's names where there are as many; else numbers."""
    try:
        from timm.data import ImageNetInfo

        names = ImageNetInfo().label_descriptions()
    except ImportError:
        names = []
    return [str(n).partition(",")[0] for n in names] if len(names) == count else [str(i) for i in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class _Timm:
    """A timm module as a `Network`."""

    module: Any
    digest: str
    outputs: tuple[str, ...] = ("embedding", "logits")
    fixed_batch: int = 0

    def run(self, names: Sequence[str], tensor: Float32) -> Mapping[str, Float32]:
        import torch

        with torch.inference_mode():
            features = self.module.forward_features(torch.from_numpy(tensor))
            found = {"embedding": self.module.forward_head(features, pre_logits=True)}
            if "logits" in names:
                found["logits"] = self.module.forward_head(features)
        return {name: value.float().numpy() for name, value in found.items()}
