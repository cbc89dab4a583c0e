"""Multi-object tracking: CLEAR (MOTA, MOTP), Identity (IDF1) and HOTA, for each video and over all of them.

A `Video` holds both sides of one video as columns; `video_terms` turns it into sums, sums of many videos add up, and
`finish` makes the numbers. The rules are those of TrackEval, the code behind the MOTChallenge figures; each part names
its quirks: `_clear.py`, `_identity.py`, `_hota.py`.

Objects of different classes never match: each class of a video is a video of its own, and all of them are pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.metrics._arrays import FloatArray, IntArray, finite, same_length
from loopline.metrics._clear import ClearPairs, ClearReport, ClearTerms, clear_report, clear_terms
from loopline.metrics._hota import HotaReport, HotaTerms, hota_report, hota_terms
from loopline.metrics._identity import IdentityReport, IdentityTerms, identity_report, identity_terms
from loopline.metrics._overlap import Frame, pair_iou
from loopline.metrics.metric import Metric

IOU_THRESHOLD: Final = 0.5
ALPHAS: Final = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Boxes of one side of one video, in any order.

    frame      (n,) int64, any numbering that both sides share
    track_id   (n,) int64, the same object through the video; once a frame
    xywh       (n, 4) float64, left, top, width, height in pixels, width and height >= 0
    """

    frame: IntArray
    track_id: IntArray
    xywh: FloatArray


@dataclass(frozen=True, slots=True)
class VideoTerms:
    """The sums of one video: what adds up to the numbers of many."""

    clear: ClearTerms
    identity: IdentityTerms
    hota: HotaTerms


@dataclass(frozen=True, slots=True)
class TrackingReport:
    """The numbers over `videos` videos; see the three parts. NaN where there was nothing to track."""

    videos: int
    clear: ClearReport
    identity: IdentityReport
    hota: HotaReport

    def numbers(self) -> dict[str, float]:
        return {
            "videos": float(self.videos),
            **self.hota.numbers(),
            **self.clear.numbers(),
            **self.identity.numbers(),
        }


def tracks(frame: npt.ArrayLike, track_id: npt.ArrayLike, xywh: npt.ArrayLike) -> Tracks:
    """Checked tracks. Raises BadValue for a NaN, a negative side, or a track that is twice in a frame."""
    frames, ids = (_whole(name, values) for name, values in (("frame", frame), ("track_id", track_id)))
    boxes = finite("xywh", xywh, ndim=2).reshape(-1, 4)
    same_length(frame=frames, track_id=ids, xywh=boxes)
    if (boxes[:, 2:] < 0).any():
        raise BadValue(f"box {int(np.argmax((boxes[:, 2:] < 0).any(axis=1)))} has a negative width or height")
    order = np.lexsort((ids, frames))
    f, i = frames[order], ids[order]
    twice = (f[1:] == f[:-1]) & (i[1:] == i[:-1])
    if twice.any():
        at = int(np.argmax(twice))
        raise BadValue(f"track {i[at]} is in frame {f[at]} twice", hint="a track has one box a frame")
    return Tracks(frames[order], ids[order], boxes[order])


def tracking_report(
    videos: Iterable[tuple[Tracks, Tracks]],
    *,
    iou_threshold: float = IOU_THRESHOLD,
    alphas: Iterable[float] = ALPHAS,
) -> TrackingReport:
    """The numbers over (truth, predicted) pairs, one a video, one in memory at a time.

    iou_threshold   the least IoU of a match in CLEAR and Identity; HOTA goes over `alphas`
    Raises          BadValue where a threshold is not in (0, 1]
    """
    options = _options(iou_threshold, alphas)
    return finish(tuple(video_terms(truth, predicted, options) for truth, predicted in videos), options)


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    iou_threshold: float = IOU_THRESHOLD
    alphas: tuple[float, ...] = ALPHAS


def _options(iou_threshold: float, alphas: Iterable[float]) -> TrackingOptions:
    options = TrackingOptions(float(iou_threshold), tuple(alphas))
    for value in (options.iou_threshold, *options.alphas):
        if not 0 < value <= 1:
            raise BadValue(f"an IoU threshold lies in (0, 1], not {value}")
    if not options.alphas:
        raise BadValue("HOTA needs at least one alpha")
    return options


# -- the four steps: a state is the terms of each video


State: TypeAlias = tuple[VideoTerms, ...]


def start() -> State:
    return ()


def update(state: State, truth: Tracks, predicted: Tracks, options: TrackingOptions = TrackingOptions()) -> State:
    """The state with one more whole video."""
    return (*state, video_terms(truth, predicted, options))


def merge(a: State, b: State) -> State:
    return a + b


def finish(state: State, options: TrackingOptions = TrackingOptions()) -> TrackingReport:
    return TrackingReport(
        videos=len(state),
        clear=clear_report([terms.clear for terms in state]),
        identity=identity_report([terms.identity for terms in state]),
        hota=hota_report([terms.hota for terms in state], options.alphas),
    )


def video_terms(truth: Tracks, predicted: Tracks, options: TrackingOptions = TrackingOptions()) -> VideoTerms:
    """The sums of one video."""
    return _matched(truth, predicted, options)[0]


def _matched(truth: Tracks, predicted: Tracks, options: TrackingOptions) -> tuple[VideoTerms, ClearPairs]:
    true_ids, true_at = np.unique(truth.track_id, return_inverse=True)
    guess_ids, guess_at = np.unique(predicted.track_id, return_inverse=True)
    frames = tuple(_frames(truth, predicted, true_at, guess_at))
    sizes = (len(true_ids), len(guess_ids))
    clear, pairs = clear_terms(frames, sizes[0], options.iou_threshold)
    terms = VideoTerms(
        clear=clear,
        identity=identity_terms(frames, *sizes, options.iou_threshold),
        hota=hota_terms(frames, *sizes, options.alphas),
    )
    return terms, pairs


def _frames(
    truth: Tracks, predicted: Tracks, true_at: npt.NDArray[np.intp], guess_at: npt.NDArray[np.intp]
) -> Iterator[Frame]:
    times = np.union1d(truth.frame, predicted.frame)
    bounds = [
        np.stack([np.searchsorted(side.frame, times, "left"), np.searchsorted(side.frame, times, "right")], axis=1)
        for side in (truth, predicted)
    ]
    for (a, b), (c, d) in zip(*bounds, strict=True):
        yield Frame(true_at[a:b], guess_at[c:d], pair_iou(truth.xywh[a:b], predicted.xywh[c:d]))


def _whole(name: str, values: npt.ArrayLike) -> IntArray:
    out = np.asarray(values)
    if out.size and (out.ndim != 1 or (out.dtype.kind not in "iu" and not np.array_equal(out, np.floor(out)))):
        raise BadValue(f"{name} must be one whole number a box")
    return out.astype(np.int64).reshape(-1)


# -- over Arrow tables, by name


def update_tables(
    state: State, truth: pa.Table, predicted: pa.Table, options: TrackingOptions = TrackingOptions()
) -> State:
    """The state with the videos of a batch, each class of a video on its own. Rows without a track_id are an error."""
    return (*state, *(terms for _, terms, _ in _matched_tables(truth, predicted, options)))


def report_of_tables(
    truth: pa.Table, predicted: pa.Table, options: TrackingOptions = TrackingOptions()
) -> tuple[TrackingReport, ClearPairs]:
    """The report of whole videos, and which rows of the two tables match by CLEAR, at `options.iou_threshold`."""
    terms, _, pairs = terms_of_tables(truth, predicted, options)
    return finish(terms, options), pairs


def terms_of_tables(
    truth: pa.Table, predicted: pa.Table, options: TrackingOptions = TrackingOptions()
) -> tuple[State, IntArray, ClearPairs]:
    """The sums of each video and class, (t,), the sample id of each, and the matches of `report_of_tables`."""
    videos = list(_matched_tables(truth, predicted, options))
    nothing = ClearPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    pairs = [nothing, *(pairs for _, _, pairs in videos)]
    together = ClearPairs(
        np.concatenate([one.true for one in pairs]),
        np.concatenate([one.predicted for one in pairs]),
        np.concatenate([one.iou for one in pairs]),
    )
    return tuple(terms for _, terms, _ in videos), np.array([video for video, _, _ in videos], np.int64), together


def _matched_tables(
    truth: pa.Table, predicted: pa.Table, options: TrackingOptions
) -> Iterator[tuple[int, VideoTerms, ClearPairs]]:
    """Video by video: its sample id; its pairs are rows of the tables."""
    sides = [_by_video(table, side) for table, side in ((truth, "truth"), (predicted, "predictions"))]
    nothing = tracks([], [], np.zeros((0, 4))), np.zeros(0, np.int64)
    for key in sorted({*sides[0], *sides[1]}, key=repr):
        (true, true_rows), (guess, guess_rows) = (side.get(key, nothing) for side in sides)
        terms, pairs = _matched(true, guess, options)
        yield key[0], terms, ClearPairs(true_rows[pairs.true], guess_rows[pairs.predicted], pairs.iou)


def _by_video(table: pa.Table, side: str) -> dict[tuple[int, str | None], tuple[Tracks, IntArray]]:
    """Tracks of each video and class, and the row of the table behind each of their boxes."""
    if table["track_id"].null_count or table["frame"].null_count:
        missing = table["track_id"].null_count or table["frame"].null_count
        raise BadValue(f"{missing} boxes have no track or no frame", where=side, hint="leave them out with keep()")
    label = table["label"].combine_chunks().dictionary_encode()
    names = [*label.dictionary.to_pylist(), None]
    code = pc.fill_null(label.indices, len(names) - 1).to_numpy(zero_copy_only=False)
    video, frame, track = (table[name].to_numpy() for name in ("sample_id", "frame", "track_id"))
    boxes = np.stack([table[name].to_numpy() for name in "xywh"], axis=1)
    order = np.lexsort((track, frame, code, video))
    breaks = np.flatnonzero((np.diff(video[order]) != 0) | (np.diff(code[order]) != 0)) + 1
    return {
        (int(video[rows[0]]), names[code[rows[0]]]): (tracks(frame[rows], track[rows], boxes[rows]), rows)
        for rows in np.split(order, breaks)
        if len(rows)
    }


_COLUMNS: Final = ("sample_id", "frame", "track_id", "label", "x", "y", "w", "h")
METRIC: Final = Metric(
    "tracking",
    title="Tracking: HOTA, CLEAR, Identity",
    start=start,
    update=update_tables,
    merge=merge,
    finish=finish,
    needs=(_COLUMNS, _COLUMNS),
)
