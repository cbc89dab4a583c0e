"""Searching by words: which samples or objects fit them best, by an embedding whose model knows words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.front.dataset import Dataset
from loopline.server.problems import Located
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vectors import Embedding, embeddings

MOST: Final = 10_000
"""The best so many are in order; what comes after fits so badly that its order says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """`ids` by falling likeness to `text`, by the embedding `key`."""

    key: str
    text: str
    ids: npt.NDArray[np.int64]


class WordSearch:
    """The answers of one data set, kept: a grid asks for the same words page after page."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[tuple[object, ...], Ranked] = {}

    def ranked(self, text: str, field: str) -> Ranked:
        """For samples, or objects of `field`. Raises Located: no embedding of theirs knows words, and what to do."""
        owner = field or SAMPLE_OWNER
        found = [one for one in reversed(embeddings(self._dataset.lake)) if one.owner == owner]
        state = (text, owner, *((one.key, one.revision) for one in found))
        known = self._known.get(state)
        if known is None:
            known = self._asked(text, owner, found)
            for old in list(self._known)[:-15]:
                self._known.pop(old, None)
            self._known[state] = known
        return known

    def _asked(self, text: str, owner: str, found: list[Embedding]) -> Ranked:
        """By the newest embedding that can tell; why the newest cannot, where none can."""
        refused: BadValue | None = None
        for one in found:
            try:
                # As `text` and nothing else: what a page sends must never be taken for the path of a file.
                near = self._dataset.similar(text=text, key=one.key, limit=MOST)
            except BadValue as error:
                refused = refused or error
            else:
                return Ranked(one.key, text, near.ids)
        what = "samples" if owner == SAMPLE_OWNER else f"objects of {owner}"
        field = "" if owner == SAMPLE_OWNER else f"_{owner} --field {owner}"
        why = f": {refused.what}" if refused is not None else ""
        raise Located(
            BadValue(
                f"no embedding of {what} can be searched by words{why}",
                hint=f"make one whose model knows words: loopline embed {self._dataset.name} imagenet_words --key words{field}",
            ),
            "words",
        ) from refused
