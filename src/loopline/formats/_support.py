"""What a format keeps: the words of the support table, one row a format.

Every format module has a constant `SUPPORT`; the docs page and a test are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

Support: TypeAlias = Mapping[str, str]
"""Each of `THINGS` to "exact" (read and written again without a difference), "lossy: what is lost" or "no"."""

THINGS: Final = (
    *("boxes", "masks", "polygons", "keypoints", "attributes", "tracks"),
    *("scores", "crowd", "tags", "splits", "ids", "picture_fields"),
)


def support(
    *,
    boxes: str = "no",
    masks: str = "no",
    polygons: str = "no",
    keypoints: str = "no",
    attributes: str = "no",
    tracks: str = "no",
    scores: str = "no",
    crowd: str = "no",
    tags: str = "no",
    splits: str = "no",
    ids: str = "no",
    picture_fields: str = "no",
) -> Support:
    """A checked row of the support table.

    >>> support(boxes="exact", scores="lossy: four digits")["scores"]
    'lossy: four digits'
    """
    row = dict(locals())
    for thing, word in row.items():
        if word not in ("exact", "no") and not word.startswith("lossy: "):
            raise ValueError(f'support of {thing} is "{word}"; it must be exact, no, or "lossy: ..."')
    return row
