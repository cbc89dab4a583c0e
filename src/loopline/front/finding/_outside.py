"""A vector of what is not in the data set: a picture's file, or words."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue, ModelError
from loopline.models.load import load
from loopline.models.pictures import picture_from_file
from loopline.models.protocol import Embedder, TextEmbedder, embed_pictures
from loopline.models.work import last_run
from loopline.store.lake import Lake
from loopline.store.vectors import Embedding


def embed_outside(lake: Lake, of: Embedding, to: str | Path) -> npt.NDArray[np.float32]:
    """(1, d) of a picture's file, or of words where there is no such file, by the model that made the embedding.

    Raises BadValue where `to` is no file and the model knows no words, or the model is another by now; ModelError,
    MediaError, MissingDependency.
    """
    file = Path(to).expanduser()
    try:
        there = file.is_file()
    except OSError:  # words longer than a file's name may be
        there = False
    if not there:
        return embed_words(lake, of, str(to), f'"{to}" is no file, and {of.model} knows no words')
    model = _model(_place(lake, of), of.fingerprint)
    return embed_pictures(model, [picture_from_file(file, at_least=model.about.decode_px)])


def embed_words(lake: Lake, of: Embedding, text: str, fault: str = "") -> npt.NDArray[np.float32]:
    """(1, d) of words. Raises BadValue where the model that made the embedding knows none."""
    if not text.strip():
        raise BadValue("no words to look for", hint="say what the pictures show")
    model = _model(_place(lake, of), of.fingerprint)
    if not isinstance(model, TextEmbedder):
        raise BadValue(
            fault or f"{of.model}, which made the vectors of {of.key}, knows no words",
            hint="give a picture's file, an id, a view or a vector; for words embed with a model of pictures and text, "
            "such as imagenet_words, or a pair with [text] in its card",
        )
    return np.asarray(model.embed_text([text]), np.float32)


def _place(lake: Lake, of: Embedding) -> str:
    """Where the model that made an embedding can be had again: the card that it was made from, else its name."""
    run = last_run(lake, "embed", of.key)
    card = str(run.parameters.get("card") or "") if run is not None else ""
    return card if card and Path(card).is_file() else of.model


@lru_cache(maxsize=2)
def _model(place: str, fingerprint: str) -> Embedder:
    """Kept for the next question: loading takes longer than asking."""
    model = load(place)
    if not isinstance(model, Embedder):
        raise ModelError(f'"{place}" makes no vectors any more', hint="embed anew")
    if model.about.fingerprint != fingerprint:
        raise BadValue(
            f"the vectors were made by another version of {model.about.name}",
            hint="embed anew under another key; vectors of two versions cannot be compared",
        )
    return model
