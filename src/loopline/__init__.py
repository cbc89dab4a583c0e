"""Loopline: the whole life of a picture or video data set in one place.

    import loopline as ll
    from loopline import F

    ds = ll.create("masks")
    ds.add("pictures/", labels="train.coco.json")
    ds.where(F.ground_truth.count(F.label == "mask") > 3).count()

Names are loaded when they are first used, so that the import takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopline.errors import LooplineError as LooplineError
    from loopline.front.dataset import Dataset as Dataset
    from loopline.front.evaluating.stored import Evaluation as Evaluation
    from loopline.front.evaluating.stored import compare_evaluations as compare
    from loopline.front.evaluating.verb import evaluate as evaluate
    from loopline.front.opening import create as create
    from loopline.front.opening import drop as drop
    from loopline.front.opening import list_datasets as list_datasets
    from loopline.front.opening import open_dataset as open
    from loopline.front.zoo.entries import list_zoo as list_zoo
    from loopline.front.zoo.take import from_zoo as from_zoo
    from loopline.kernel.schema import Column as Column
    from loopline.kernel.schema import LabelField as LabelField
    from loopline.models.load import load as load_model
    from loopline.query.builder import F as F
    from loopline.query.view import ObjectView as ObjectView
    from loopline.query.view import View as View

_HOMES = {
    "LooplineError": ("loopline.errors", "LooplineError"),
    "Dataset": ("loopline.front.dataset", "Dataset"),
    "Evaluation": ("loopline.front.evaluating.stored", "Evaluation"),
    "compare": ("loopline.front.evaluating.stored", "compare_evaluations"),
    "create": ("loopline.front.opening", "create"),
    "drop": ("loopline.front.opening", "drop"),
    "evaluate": ("loopline.front.evaluating.verb", "evaluate"),
    "from_zoo": ("loopline.front.zoo.take", "from_zoo"),
    "list_datasets": ("loopline.front.opening", "list_datasets"),
    "list_zoo": ("loopline.front.zoo.entries", "list_zoo"),
    "open": ("loopline.front.opening", "open_dataset"),
    "Column": ("loopline.kernel.schema", "Column"),
    "LabelField": ("loopline.kernel.schema", "LabelField"),
    "load_model": ("loopline.models.load", "load"),
    "show": ("loopline.notebook.show", "show"),
    "F": ("loopline.query.builder", "F"),
    "ObjectView": ("loopline.query.view", "ObjectView"),
    "View": ("loopline.query.view", "View"),
}

__version__ = "0.1.0"
__all__ = [
    "Column",
    "Dataset",
    "Evaluation",
    "F",
    "LabelField",
    "LooplineError",
    "ObjectView",
    "View",
    "compare",
    "create",
    "drop",
    "evaluate",
    "from_zoo",
    "list_datasets",
    "list_zoo",
    "load_model",
    "open",
    "show",
]


def __getattr__(name: str) -> object:
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'loopline' has no attribute '{name}'") from None
    value: object = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
