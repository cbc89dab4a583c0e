"""Is the data lopsided, and what would even it out? Counts of classes and values, and a plan to draw or collect by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.curate._vectors import Indices
from loopline.errors import BadValue


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """How often each value is there.

    values     the most frequent first · objects, samples (v,) int64: rows with it, and samples they are on
    imbalance  most frequent over least frequent; evenness in [0, 1]: entropy over that of equal shares, 1 = all alike
    """

    values: tuple[str, ...]
    objects: Indices
    samples: Indices
    imbalance: float
    evenness: float


def balance(sample: npt.ArrayLike, value: pa.Array | pa.ChunkedArray) -> Balance:
    """Counts of n rows: the sample each is on, and its class, or an attribute's value as text. Missing values are left out."""
    table = pa.table({"sample": pa.array(np.asarray(sample, np.int64)), "value": pc.cast(value, pa.string())})
    known = table.filter(pc.is_valid(table["value"]))
    counted = known.group_by("value").aggregate([([], "count_all"), ("sample", "count_distinct")])
    rows = sorted(
        zip(*(counted[n].to_pylist() for n in ("value", "count_all", "sample_count_distinct")), strict=True),
        key=lambda row: (-row[1], row[0]),
    )
    objects = np.array([row[1] for row in rows], np.int64)
    share = objects / max(int(objects.sum()), 1)
    entropy = float(-(share * np.log(share)).sum()) if len(rows) else 0.0
    return Balance(
        values=tuple(row[0] for row in rows),
        objects=objects,
        samples=np.array([row[2] for row in rows], np.int64),
        imbalance=float(objects[0] / objects[-1]) if len(rows) else math.nan,
        evenness=entropy / math.log(len(rows)) if len(rows) > 1 else 1.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to even out the classes of m samples.

    repeat  (m,) float64, how often each sample should be drawn in training, 1 or more
    before, after  (v,) objects of each class, as they are and as drawn
    missing (v,) int64, objects to collect so that the class has `target`: what drawing again cannot give
    """

    sample: Indices
    repeat: npt.NDArray[np.float64]
    classes: tuple[str, ...]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]
    missing: Indices
    target: int


def rebalancing_plan(
    sample: npt.ArrayLike,
    label: pa.Array | pa.ChunkedArray,
    *,
    samples: npt.ArrayLike | None = None,
    threshold: float | None = None,
    most: float = 10.0,
) -> Plan:
    """Draw samples with rare classes more often: a sample as often as its rarest class asks for.

    A class that is on a share f of the samples asks for sqrt(threshold / f), at least 1 and at most `most`.
    samples    ids of all samples, those without labels too
    threshold  share of samples; None: that of the class in the middle
    Source     repeat factor sampling: Gupta, Dollár, Girshick, LVIS, CVPR 2019.
    """
    owner = np.asarray(sample, np.int64)
    if len(owner) != len(label):
        raise BadValue(f"there are {len(owner)} samples and {len(label)} labels")
    if most < 1 or (threshold is not None and not 0 < threshold <= 1):
        raise BadValue("`most` is 1 or more, a threshold lies in (0, 1]")
    everyone = np.unique(owner if samples is None else np.concatenate([owner, np.asarray(samples, np.int64)]))
    counted = balance(owner, label)
    column = label.combine_chunks() if isinstance(label, pa.ChunkedArray) else label
    code = pc.index_in(pc.cast(column, pa.string()), pa.array(counted.values, pa.string()))
    known = np.asarray(code.is_valid().to_numpy(zero_copy_only=False), bool)
    kind = np.asarray(code.fill_null(0).to_numpy(zero_copy_only=False), np.int64)[known]
    place = np.searchsorted(everyone, owner[known])
    share = counted.samples / max(len(everyone), 1)
    wanted = float(np.median(share)) if threshold is None and len(share) else (threshold or 1.0)
    factor = np.clip(np.sqrt(wanted / share), 1, most) if len(share) else np.zeros(0)
    repeat = np.ones(len(everyone))
    np.maximum.at(repeat, place, factor[kind])
    after = np.bincount(kind, weights=repeat[place], minlength=len(factor)).astype(np.float64)
    target = int(np.median(counted.objects)) if len(counted.objects) else 0
    return Plan(
        sample=everyone,
        repeat=repeat,
        classes=counted.values,
        before=counted.objects.astype(np.float64),
        after=after,
        missing=np.maximum(target - counted.objects, 0),
        target=target,
    )
