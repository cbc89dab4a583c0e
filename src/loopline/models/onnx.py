"""ONNX files through onnxruntime: a card says how pictures go in and what the numbers that come out mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loopline.errors import MissingDependency, ModelError
from loopline.models.card import Card
from loopline.models.carded import CardModel, usable_cores
from loopline.models.protocol import Float32

if TYPE_CHECKING:
    import onnxruntime as ort


class OnnxModel(CardModel):
    """A card's ONNX file. Raises MissingDependency, ModelError."""

    def __init__(
        self, card: Card, weights: Path, *, min_score: float | None = None, threads: int | None = None
    ) -> None:
        session, digest = session_of(weights, sha256=card.sha256, threads=threads)
        super().__init__(card, _network(session, digest, card), min_score=min_score)


@dataclass(frozen=True, slots=True, eq=False)
class _Session:
    """A session as a `Network`."""

    session: ort.InferenceSession
    input: str
    outputs: tuple[str, ...]
    fixed_batch: int
    digest: str

    def run(self, names: Sequence[str], tensor: Float32) -> Mapping[str, Float32]:
        return dict(zip(names, self.session.run(list(names), {self.input: tensor}), strict=True))


def session_of(weights: Path, *, sha256: str = "", threads: int | None = None) -> tuple[ort.InferenceSession, str]:
    """The session and the SHA-256 of the weights, which must be `sha256` where that is given."""
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise MissingDependency("onnxruntime is not installed", hint="pip install loopline[onnx]") from error
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"its weights cannot be read: {error.strerror}", where=str(weights)) from None
    digest = hashlib.sha256(content).hexdigest()
    if sha256 and digest != sha256:
        raise ModelError(
            "the weights are not the ones that the card is about (another SHA-256)",
            where=str(weights),
            hint="get them again, or take sha256 out of the card if they are meant to differ",
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are for decoding meanwhile
    options.log_severity_level = 3
    wanted = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()]
    try:
        return ort.InferenceSession(content, options, providers=wanted), digest
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ModelError(f"onnxruntime cannot load it: {error}", where=str(weights)) from None


def _network(session: ort.InferenceSession, digest: str, card: Card) -> _Session:
    """Raises ModelError where the model's input is not as the card says."""
    known = {one.name: one for one in session.get_inputs()}
    name = card.input.name or next(iter(known))
    if name not in known:
        raise ModelError(f'no input "{name}"', where=f"{card.name}: [input]", hint=f"there is {', '.join(known)}")
    shape = [size if isinstance(size, int) else 0 for size in known[name].shape]
    if len(shape) != 4:
        raise ModelError(f"its input has {len(shape)} axes, not 4", where=card.name)
    high, wide = shape[2:] if card.input.layout == "nchw" else shape[1:3]
    if card.input.resize != "pad" and (wide not in (0, card.input.width) or high not in (0, card.input.height)):
        raise ModelError(
            f"the card says {card.input.width}×{card.input.height}, the model takes {wide}×{high}",
            where=f"{card.name}: [input]",
            hint="mend width and height, or the layout",
        )
    return _Session(session, name, tuple(one.name for one in session.get_outputs()), shape[0], digest)
