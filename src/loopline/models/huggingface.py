"""Models of Hugging Face transformers: "hf:facebook/detr-resnet-50". Only those of the library itself: no code of others
is fetched or run, and weights are read from safetensors.

The architecture that the model's own configuration names says what it is: a detector, a classifier, or, for any other,
an embedder (the mean of its last hidden state, or its pooled output). A pair such as CLIP or SigLIP knows words too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from loopline.errors import MissingDependency, ModelError
from loopline.models.carded import unit
from loopline.models.head import Found, box_rows, labels_of
from loopline.models.inputs import Placement
from loopline.models.protocol import About, Float32, Picture, f32


def load(name: str, min_score: float | None = None) -> HuggingFaceModel:
    """A model by its name on the hub, or a folder. Raises MissingDependency, ModelError."""
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed", hint="pip install torch transformers") from error
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        processor = transformers.AutoImageProcessor.from_pretrained(name)
        architecture = (getattr(config, "architectures", None) or [""])[0]
        kind = next((k for k in ("ObjectDetection", "ImageClassification") if architecture.endswith(f"For{k}")), "")
        family = getattr(transformers, f"AutoModelFor{kind}" if kind else "AutoModel")
        module = family.from_pretrained(name, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"transformers cannot load it: {error}",
            where=name,
            hint="without internet, give a folder or a cached model",
        ) from error
    if not hasattr(module, "get_text_features"):
        return HuggingFaceModel(name, module, processor, kind, min_score)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(f"transformers cannot load its tokenizer: {error}", where=name) from error
    return HuggingFacePair(name, module, processor, tokenizer)


class HuggingFaceModel:
    """A `Predictor` or an `Embedder`, see the module."""

    def __init__(self, name: str, module: Any, processor: Any, kind: str, min_score: float | None) -> None:
        self._module, self._processor, self._kind = module, processor, kind
        self._floor = min_score if min_score is not None else (0.3 if kind == "ObjectDetection" else 0.0)
        labels = getattr(module.config, "id2label", None) or {}
        revision = getattr(module.config, "_commit_hash", None) or name
        self._about = About(
            name,
            f"{revision}:{self._floor:g}",
            {"ObjectDetection": "box", "ImageClassification": "class"}.get(kind),  # type: ignore[arg-type]
            tuple(str(labels[i]) for i in sorted(labels)) if kind else (),
            source=f"Hugging Face {name}",
        )
        self._dimension = 0

    @property
    def about(self) -> About:
        return self._about

    @property
    def normalised(self) -> bool:
        return True

    @property
    def dimension(self) -> int:
        if not self._dimension:
            grey = Picture(np.full((64, 64, 3), 128, np.uint8), 64, 64)
            self._dimension = self.embed([self.prepare(grey)]).shape[1]
        return self._dimension

    def prepare(self, picture: Picture) -> Picture:
        return picture

    def _ran(self, batch: Sequence[Picture], **options: bool) -> Any:
        import torch

        inputs = self._processor(images=[picture.rgb for picture in batch], return_tensors="pt")
        with torch.inference_mode():
            return self._module(**inputs, **options)

    def predict(self, batch: Sequence[Picture]) -> pa.Table:
        found = self._ran(batch)
        if self._kind == "ImageClassification":
            scores = found.logits.softmax(-1).numpy()
            best, top = scores.argmax(axis=1), scores.max(axis=1)
            kept = np.flatnonzero(top >= self._floor)
            labels = labels_of(best[kept], self._about.classes)
            return pa.table(
                {"place": pa.array(kept, pa.int64()), "label": labels, "score": pa.array(top[kept].astype(float))}
            )
        sizes = [(picture.height, picture.width) for picture in batch]
        answers = self._processor.post_process_object_detection(found, threshold=self._floor, target_sizes=sizes)
        objects = Found(
            np.concatenate([np.full(len(a["scores"]), i) for i, a in enumerate(answers)]).astype(np.int64),
            np.concatenate([f32(a["boxes"].numpy()).reshape(-1, 4) for a in answers]),
            np.concatenate([f32(a["scores"].numpy()) for a in answers]),
            np.concatenate([a["labels"].numpy() for a in answers]).astype(np.int64),
        )
        return box_rows(objects, [Placement(1, 1, 0, 0, p.width, p.height) for p in batch], self._about.classes)

    def embed(self, batch: Sequence[Picture]) -> Float32:
        found = self._ran(batch, output_hidden_states=True)
        pooled = getattr(found, "pooler_output", None)
        if pooled is None:
            hidden = found.hidden_states[-1]
            pooled = hidden.mean(dim=1) if hidden.dim() == 3 else hidden.mean(dim=(2, 3))
        return unit(f32(pooled.reshape(len(batch), -1).float().numpy()))


class HuggingFacePair(HuggingFaceModel):
    """A `TextEmbedder`: CLIP and its like."""

    def __init__(self, name: str, module: Any, processor: Any, tokenizer: Any) -> None:
        super().__init__(name, module, processor, "", None)
        self._tokenizer = tokenizer

    def embed(self, batch: Sequence[Picture]) -> Float32:
        import torch

        inputs = self._processor(images=[picture.rgb for picture in batch], return_tensors="pt")
        with torch.inference_mode():
            return _unit_of(self._module.get_image_features(**inputs))

    def embed_text(self, texts: Sequence[str]) -> Float32:
        import torch

        longest = getattr(self._module.config.text_config, "max_position_embeddings", 77)
        # SigLIP was trained on texts filled up to the full length.
        fill = "max_length" if "siglip" in str(self._module.config.model_type) else True
        inputs = self._tokenizer(list(texts), padding=fill, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            return _unit_of(self._module.get_text_features(**inputs))


def _unit_of(found: Any) -> Float32:
    """Since transformers 5 the features come with the rest of what the network gave."""
    features = getattr(found, "pooler_output", found)
    return unit(f32(features.float().cpu().numpy()))
