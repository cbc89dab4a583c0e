"""A vector of what is not in the data set: a picture's file, or words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.models.load import load
from loopline.models.pictures import picture_from_file
from loopline.models.protocol import Embedder, embed_pictures
from loopline.store.vectors import Embedding


def embed_outside(of: Embedding, to: str | Path) -> npt.NDArray[np.float32]:
    """(1, d), by the model that made the embedding.

    Raises BadValue where `to` is no file and the model knows no words, or the model is another by now; ModelError,
    MediaError, MissingDependency.
    """
    model = load(of.model)
    if not isinstance(model, Embedder):
        raise BadValue(f'"{of.model}" makes no vectors any more', hint=f"embed anew: {of.key}")
    if model.about.fingerprint != of.fingerprint:
        raise BadValue(
            f'the vectors of "{of.key}" were made by another version of {of.model}',
            hint="embed anew under another key; vectors of two versions cannot be compared",
        )
    file = Path(to).expanduser()
    if file.is_file():
        return embed_pictures(model, [picture_from_file(file, at_least=model.about.decode_px)])
    words = getattr(model, "embed_text", None)
    if words is None:
        raise BadValue(
            f'"{to}" is no file, and {of.model} knows no words',
            hint="give a picture's file, an id, a view or a vector; for words embed with a model of pictures and text",
        )
    return np.asarray(words([str(to)]), np.float32)
