"""The zoo: models that Loopline knows by name, where their weights can be had, and whether they are here."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loopline.errors import LooplineError, ModelError, near
from loopline.models.card import Card, read_card
from loopline.models.fetch import fetch
from loopline.models.load import BUILT_IN, cache_folder, cards, cards_folder, file_of, model_folders, weights_of

ZOO_FILE = "zoo.toml"


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    description: str
    licence: str
    file: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Known:
    """A model by name. `runs`: `load` takes it; else only its weights can be had. `weights`: where they are; ""."""

    name: str
    task: str
    description: str
    licence: str
    sources: tuple[str, ...]
    sha256: str
    runs: bool
    file: str
    weights: str
    classes: int
    card: str


def models() -> list[Known]:
    """Every model that has a name here, the built-in one first. A card that cannot be read is left out here; loading it
    says why."""
    found = [Known(BUILT_IN, "embedding", "colour, layout, edges", "Apache-2.0", (), "", True, "", "built in", 0, "")]
    for name, path in cards().items():
        try:
            found.append(_of_card(name, read_card(path), path))
        except LooplineError:
            continue
    return found + [_of_entry(entry) for entry in _entries()]


def model(name: str) -> Known:
    """Raises ModelError with near names."""
    known = {one.name: one for one in models()}
    if name not in known:
        raise ModelError(f'no model "{name}"', hint=near(name, known))
    return known[name]


def get(name: str, source: str | None = None) -> Path:
    """The weights of a model on this machine, fetched to the model cache if they are not there yet.

    source  take them from here: see `fetch.fetch`. By default from where the card or the zoo says
    Raises  ModelError, also where there is no internet.
    """
    wanted = model(name)
    if name == BUILT_IN:
        raise ModelError("it is built in: there is nothing to get", where=name)
    if wanted.card:
        _get_words(read_card(Path(wanted.card)))
        wanted = model(name)
    if wanted.weights and source is None:
        return Path(wanted.weights)
    return _fetched(name, wanted.file, (source,) if source else wanted.sources, wanted.sha256, wanted.description)


def _get_words(card: Card) -> None:
    """What the text half of a pair needs and is not here, where a card has one."""
    if (half := card.text) is None:
        return
    for file, source, sha256 in (
        (half.weights, half.source, half.sha256),
        (half.tokenizer, half.tokenizer_source, half.tokenizer_sha256),
    ):
        if file_of(card, file) is None:
            _fetched(card.name, file, [_text(one) for one in source], sha256, card.origin)


def _fetched(name: str, file: str, sources: Sequence[str], sha256: str, origin: str) -> Path:
    """A file from the first place that has it, in the model cache."""
    if not sources:
        raise ModelError(
            f"its card names no place to get {file} from",
            where=name,
            hint=f"loopline models get {name} --from FILE_OR_URL, or put it in {cache_folder()}; it came from: {origin}",
        )
    target = cache_folder() / file
    fault: ModelError | None = None
    for place in sources:
        try:
            fetch(place, file, target, sha256=sha256)
            return target
        except ModelError as error:
            fault = error
    assert fault is not None
    raise fault


def _of_card(name: str, card: Card, path: Path) -> Known:
    weights = weights_of(card)
    if card.text is not None and not all(file_of(card, one) for one in (card.text.weights, card.text.tokenizer)):
        weights = None
    sources = tuple(_text(one) for one in card.source)
    both = card.task + (" and embedding" if card.output is not None and card.embeds else "")
    both += ", words" if card.text is not None else ""
    described = f"{card.description}{f' ({card.origin})' if card.origin else ''}"
    count = len(card.class_names())
    return Known(
        name,
        both,
        described,
        card.licence,
        sources,
        card.sha256,
        True,
        card.weights,
        str(weights or ""),
        count,
        str(path),
    )


def _text(source: msgspec.Struct) -> str:
    told = msgspec.to_builtins(source)
    if told["wheel"]:
        return f"wheel:{told['wheel']}"
    if told["huggingface"]:
        return f"hf:{told['huggingface']}" + (f"@{told['revision']}" if told["revision"] else "")
    return str(told["url"] or told["file"])


def _entries() -> list[_Entry]:
    text = (cards_folder() / ZOO_FILE).read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["model"], list[_Entry])


def _of_entry(entry: _Entry) -> Known:
    here = next((folder / entry.file for folder in model_folders() if (folder / entry.file).is_file()), "")
    return Known(
        entry.name,
        "weights",
        entry.description,
        entry.licence,
        (entry.source,),
        entry.sha256,
        False,
        entry.file,
        str(here),
        0,
        "",
    )
