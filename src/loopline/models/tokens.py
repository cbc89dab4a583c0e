"""Words as the numbers that a text network takes: the word pieces of BERT, and the byte pairs of CLIP.

A tokenizer file is `vocab.txt` (a piece a line, BERT's order) or `tokenizer.json` as the Hugging Face library writes it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from loopline.errors import ModelError

_LONGEST: Final = 100  # letters of a word; BERT takes longer ones for unknown
_SHORT_FORMS: Final = re.compile("'(?:s|t|re|ve|m|ll|d)")


class Tokenizer(Protocol):
    """Text in, numbers out, with the marks of its begin and end."""

    def encode(self, text: str, most: int) -> list[int]:
        """At most `most` numbers, the end mark among them."""


def read_tokenizer(file: Path) -> Tokenizer:
    """Raises ModelError where the file cannot be read, or is of a kind that is not known here."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"its tokenizer cannot be read: {error}", where=str(file)) from None
    if file.suffix != ".json":
        return WordPieces({piece: number for number, piece in enumerate(text.splitlines())})
    try:
        return _from_json(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"its tokenizer cannot be read: {error!r}", where=str(file)) from None
    except ModelError as error:
        raise ModelError(error.what, where=str(file), hint=error.hint) from None


def _from_json(told: Mapping[str, Any]) -> Tokenizer:
    model = told["model"]
    kind = model.get("type")
    vocabulary = {str(piece): int(number) for piece, number in _pairs(model.get("vocab"))}
    vocabulary.update({str(one["content"]): int(one["id"]) for one in told.get("added_tokens", [])})
    if kind == "WordPiece":
        lower = bool((told.get("normalizer") or {}).get("lowercase", True))
        return WordPieces(vocabulary, lower=lower)
    if kind == "BPE" and model.get("end_of_word_suffix") == "</w>":
        merges = [tuple(one.split(" ") if isinstance(one, str) else one) for one in model["merges"]]
        return BytePairs(vocabulary, {(str(a), str(b)): rank for rank, (a, b) in enumerate(merges)})
    raise ModelError(
        f"a tokenizer of the kind {kind} is not known", hint="BERT's word pieces and CLIP's byte pairs (</w>) are"
    )


def _pairs(vocabulary: object) -> Iterator[tuple[object, Any]]:
    if not isinstance(vocabulary, Mapping):
        raise ModelError("its tokenizer has no list of pieces by name", hint="Unigram (SentencePiece) is not known")
    yield from vocabulary.items()


@dataclass(frozen=True)
class WordPieces:
    """BERT's: words and punctuation, then the longest known piece from the left; pieces inside a word begin with ##."""

    vocabulary: Mapping[str, int]
    lower: bool = True

    def encode(self, text: str, most: int) -> list[int]:
        """
        >>> WordPieces({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "dog": 3, "##s": 4}).encode("Dogs!", 9)
        [1, 3, 4, 0, 2]
        """
        unknown, first, last = (self._mark(name) for name in ("[UNK]", "[CLS]", "[SEP]"))
        found = [number for word in _words(text, lower=self.lower) for number in self._pieces(word, unknown)]
        return [first, *found[: max(most - 2, 0)], last]

    def _mark(self, name: str) -> int:
        if name not in self.vocabulary:
            raise ModelError(f"its tokenizer has no {name}", hint="a vocabulary of BERT has [UNK], [CLS] and [SEP]")
        return self.vocabulary[name]

    def _pieces(self, word: str, unknown: int) -> list[int]:
        out: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST:
            mark = "##" if start else ""
            end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in self.vocabulary), 0)
            if not end:
                return [unknown]
            out.append(self.vocabulary[mark + word[start:end]])
            start = end
        return out or [unknown]


def _words(text: str, *, lower: bool) -> list[str]:
    """Words, marks of punctuation and Chinese characters, each by itself; without accents where lower."""
    if lower:
        text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    out = []
    for c in text:
        kind = unicodedata.category(c)
        if c.isspace() or kind == "Zs":
            out.append(" ")
        elif kind.startswith("C") or c == "\ufffd":
            continue
        elif kind.startswith("P") or (c.isascii() and not c.isalnum()) or _is_chinese(ord(c)):
            out.append(f" {c} ")
        else:
            out.append(c)
    return "".join(out).split()


def _is_chinese(code: int) -> bool:
    ideographs = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
    return any(low <= code <= high for low, high in ideographs)


@dataclass(frozen=True)
class BytePairs:
    """CLIP's: the bytes of each word, of which the pair that was learnt first is joined, again and again."""

    vocabulary: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]

    def encode(self, text: str, most: int) -> list[int]:
        first, last = (self._mark(name) for name in ("<|startoftext|>", "<|endoftext|>"))
        clean = " ".join(unicodedata.normalize("NFC", text).split()).lower()
        found = [self.vocabulary.get(piece, last) for word in _runs(clean) for piece in self._joined(word)]
        return [first, *found[: max(most - 2, 0)], last]

    def _mark(self, name: str) -> int:
        if name not in self.vocabulary:
            raise ModelError(f"its tokenizer has no {name}", hint="a vocabulary of CLIP has begin and end marks")
        return self.vocabulary[name]

    def _joined(self, word: str) -> list[str]:
        letters = _letters_of_bytes()
        parts = [letters[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            parts = _with_joined(parts, best)
        return parts


def _with_joined(parts: Sequence[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    place = 0
    while place < len(parts):
        together = tuple(parts[place : place + 2]) == pair
        out.append("".join(pair) if together else parts[place])
        place += 2 if together else 1
    return out


def _runs(text: str) -> Iterator[str]:
    """Short forms ('s), runs of letters, single digits, and runs of anything else but space."""
    place = 0
    while place < len(text):
        short = _SHORT_FORMS.match(text, place)
        if short:
            yield short.group()
            place = short.end()
            continue
        kind = _kind(text[place])
        end = place + 1
        while kind in ("letters", "other") and end < len(text) and _kind(text[end]) == kind:
            end += 1
        if kind != "space":
            yield text[place:end]
        place = end


def _kind(c: str) -> str:
    category = unicodedata.category(c)[0]
    return "space" if c.isspace() else {"L": "letters", "N": "digit"}.get(category, "other")


@lru_cache(maxsize=1)
def _letters_of_bytes() -> list[str]:
    """A letter that can be printed for each byte, as byte-level vocabularies have them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]
