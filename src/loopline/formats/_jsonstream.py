"""A JSON file of any size as chunks of its top-level arrays, in bounded memory.

Label files are one object whose values are long arrays of objects, or one such array. `JsonFile` walks the top level
in windows of a few MB and gives each run of whole elements as bytes `[{...},{...}]`, decoded.

Where to cut a window is found by trying: the last `}` `,` `{` in it is taken for the border between two elements, and
the bytes before it, closed with `]`, are decoded. A JSON parser that starts at a true border reads only one way, so
if that succeeds the cut was a true border. If not (the pattern was nested, or in a text), an exact scan of quotes and
brackets finds the border.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np

from loopline.errors import FormatError
from loopline.kernel.exchange import quiet

WINDOW: Final = 2 << 20
MOST_VALUE_BYTES: Final = 256 << 20  # one element or one plain value

_BORDER: Final = re.compile(rb"\}\s*,\s*\{")
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")
_SPACE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Elements:
    """Some elements of a top-level array of objects; `key` is "" where the document itself is the array."""

    key: str
    first: int  # index of items[0] in its array
    items: Sequence[Any]
    typed: bool  # made by the caller's decoder; else plain dicts, lists and scalars
    strict: bool = True  # False: the JSON was not quite JSON (NaN, or text that is not UTF-8)

    def kept(self) -> Sequence[Any]:
        """Plain elements to keep as they are, but for what no file can be written with."""
        return self.items if self.strict else [without_nan(item) for item in self.items]


@dataclass(frozen=True, slots=True)
class Value:
    """Any other top-level value."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that could not be read: elements (`fatal` False), or the file from here on."""

    key: str
    index: int  # of the first element that is lost
    byte: int  # where in the file
    what: str
    fatal: bool


Decoder = Callable[[bytes], Sequence[Any]]


@dataclass(slots=True)
class JsonFile:
    """One pass over a file. `decoders` may be changed while it runs, to suit what comes.

    path        the file
    decoders    array name → decoder of `[...]` bytes into typed rows; may raise msgspec.ValidationError, and the
                chunk then comes as plain dicts
    skip        names of arrays to pass over unread; their byte offsets are left in `skipped`
    """

    path: Path
    decoders: dict[str, Decoder] = field(default_factory=dict)
    skip: set[str] = field(default_factory=set)
    report: Callable[[int, int], None] = quiet
    window: int = WINDOW
    skipped: dict[str, int] = field(default_factory=dict)
    _file: BinaryIO | None = None
    _buffer: bytes = b""
    _at: int = 0  # offset in the file of _buffer[0]
    _ended: bool = False
    _size: int = 0
    _exact: bool = False  # the quick border has failed in this array: nested objects

    def __iter__(self) -> Iterator[Elements | Value | Broken]:
        """The whole document. Raises FormatError where it is no JSON object or array at all."""
        with self._opened(0):
            self._start()
            yield from self._document()

    def array(self, key: str, offset: int) -> Iterator[Elements | Value | Broken]:
        """Only the array whose `[` is at `offset`, as left in `skipped`."""
        with self._opened(offset):
            self._more()
            try:
                yield from self._array(key, skipping=False)
            except _BrokenFileError as broken:
                yield broken.event

    def _opened(self, offset: int) -> BinaryIO:
        self._file = self.path.open("rb")
        self._size = self.path.stat().st_size
        self._file.seek(offset)
        self._buffer, self._at, self._ended, self._exact = b"", offset, False, False
        return self._file

    def _start(self) -> None:
        self._more()
        if self._buffer[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise FormatError("the file is UTF-16", where=str(self.path), hint="save it as UTF-8")
        if self._buffer[:3] == b"\xef\xbb\xbf":
            self._drop(3)
        self._space()
        if self._buffer[:1] not in (b"{", b"["):
            what = "the file is empty" if not self._buffer else "the file is not a JSON object or list"
            raise FormatError(what, where=f"{self.path}: byte {self._at}")

    def _document(self) -> Iterator[Elements | Value | Broken]:
        try:
            if self._buffer[:1] == b"[":
                yield from self._top_array("")
            else:
                yield from self._object()
            self._space()
            if self._buffer:
                raise self._broken("", 0, "there is something after the end of the JSON document")
        except _BrokenFileError as broken:
            yield broken.event

    def _object(self) -> Iterator[Elements | Value | Broken]:
        self._drop(1)
        self._space()
        if self._take(b"}"):
            return
        while True:
            key = self._value("")
            if not isinstance(key, str):
                raise self._broken("", 0, "the document's key is not a text")
            self._space()
            if not self._take(b":"):
                raise self._broken(key, 0, "a colon is missing after the key")
            self._space()
            yield from self._top_array(key)
            self._space()
            if self._take(b"}"):
                return
            if not self._take(b","):
                raise self._broken(key, 0, "the file breaks off" if not self._buffer else "a comma is missing")
            self._space()

    def _top_array(self, key: str) -> Iterator[Elements | Value | Broken]:
        """The value that comes next, whole or, if it is an array of objects, in chunks."""
        if self._buffer[:1] == b"[":
            inside = self._peek_inside()
            if inside == b"{" or (inside == b"]" and key not in self.skip):
                if key in self.skip:
                    self.skipped[key] = self._at
                yield from self._array(key, skipping=key in self.skip)
                return
        yield Value(key, self._value(key))

    def _peek_inside(self) -> bytes:
        place = 1
        while True:
            while place < len(self._buffer) and self._buffer[place] in _SPACE:
                place += 1
            if place < len(self._buffer) or not self._more():
                return self._buffer[place : place + 1]

    def _array(self, key: str, *, skipping: bool) -> Iterator[Elements | Value | Broken]:
        """Chunks of the array whose `[` is at the buffer's start. Leaves the buffer after its `]`."""
        self._drop(1)
        self._exact = False
        first = 0
        self._space()
        if self._take(b"]"):
            if not skipping:
                yield Elements(key, 0, [], typed=False)
            return
        while True:
            items, ended = self._chunk(key, first, skipping)
            for part in items:
                if isinstance(part, Elements):
                    first = part.first + len(part.items)
                elif isinstance(part, Broken):
                    first = part.index + 1
                if not skipping:
                    yield part
            self.report(self._at, self._size)
            if ended or self._comma(key, first):
                return

    def _chunk(self, key: str, first: int, skipping: bool) -> tuple[list[Elements | Broken], bool]:
        """Whole elements from the buffer's start, and whether the array ended after them."""
        if len(self._buffer) < self.window:
            self._more()
        decoder = _skipper if skipping else self.decoders.get(key)
        if not self._exact and (cut := _last_border(self._buffer)) is not None:
            raw = b"[" + self._buffer[: cut + 1] + b"]"
            try:
                items, typed = _decoded(raw, decoder)
            except msgspec.DecodeError as error:
                trailing = _TRAILING.search(str(error))
                if trailing:
                    # The parser met the array's own `]`: everything up to there is the rest of the array.
                    end = raw.rindex(b"]", 0, int(trailing[1]))
                    try:
                        items, typed = _decoded(raw[: end + 1], decoder)
                    except msgspec.DecodeError:
                        pass
                    else:
                        self._drop(end)
                        return [Elements(key, first, items, typed)], True
            else:
                self._drop(cut + 1)
                return [Elements(key, first, items, typed)], False
        return self._exact_chunk(key, first, decoder)

    def _exact_chunk(self, key: str, first: int, decoder: Decoder | None) -> tuple[list[Elements | Broken], bool]:
        while True:
            ends, close = _scan(self._buffer)
            if close is not None or len(ends):
                break
            if self._ended or len(self._buffer) > MOST_VALUE_BYTES:
                what = "the file breaks off" if self._ended else "one element is larger than 256 MB"
                raise self._broken(key, first, what)
            self._more(len(self._buffer))
        stop = close if close is not None else int(ends[-1]) + 1
        raw = self._buffer[:stop]
        if close is None:
            # Whole windows that needed the scan mean nested objects: do not try the quick way each time.
            self._exact = True
        parts = self._decode_exact(key, first, raw, ends, decoder)
        self._drop(stop)
        if close is not None:
            self._drop(1)
            return parts, True
        return parts, False

    def _decode_exact(
        self, key: str, first: int, raw: bytes, ends: Any, decoder: Decoder | None
    ) -> list[Elements | Broken]:
        whole = b"[" + raw + b"]"
        try:
            items, typed = _decoded(whole, decoder)
            return [Elements(key, first, items, typed)]
        except msgspec.DecodeError:
            pass
        try:
            return [Elements(key, first, tolerant(whole), typed=False, strict=False)]
        except ValueError:
            pass
        parts: list[Elements | Broken] = []
        start = 0
        for index, end in enumerate(ends.tolist(), start=first):
            piece = raw[start : end + 1].lstrip(b", \t\r\n")
            try:
                parts.append(Elements(key, index, tolerant(b"[" + piece + b"]"), typed=False, strict=False))
            except ValueError as error:
                what = f"not JSON: {getattr(error, 'msg', str(error))}"
                parts.append(Broken(key, index, self._at + start, what, fatal=False))
            start = end + 1
        if not parts:
            raise self._broken(key, first, "not JSON")
        return parts

    def _comma(self, key: str, index: int) -> bool:
        """Whether the array ends here; otherwise steps over the comma before the next element."""
        self._space()
        if self._take(b"]"):
            return True
        if not self._take(b","):
            raise self._broken(key, index, "a comma is missing" if self._buffer else "the file breaks off")
        self._space()
        if not self._buffer:
            raise self._broken(key, index, "the file breaks off")
        return False

    def _value(self, key: str) -> Any:
        """Any JSON value at the buffer's start, taken whole."""
        while True:
            text = self._buffer.decode("utf-8", "surrogateescape")
            try:
                value, end = json.JSONDecoder().raw_decode(text)
            except RecursionError as error:
                raise self._broken(key, 0, "nested too deeply") from error
            except ValueError as error:
                if self._ended or len(self._buffer) > MOST_VALUE_BYTES:
                    what = getattr(error, "msg", str(error)) if self._buffer else "the file breaks off"
                    raise self._broken(key, 0, f"not JSON: {what}") from error
            else:
                cut = end == len(text) or (isinstance(value, float | int) and text[end] in ".eE")
                if not cut or self._ended:
                    self._drop(len(text[:end].encode("utf-8", "surrogateescape")))
                    return without_nan(value)
            self._more(len(self._buffer))

    def _broken(self, key: str, index: int, what: str) -> _BrokenFileError:
        return _BrokenFileError(Broken(key, index, self._at, what, fatal=True))

    def _more(self, at_least: int = 0) -> bool:
        if self._ended or self._file is None:
            return False
        block = self._file.read(max(self.window, at_least))
        self._buffer += block
        self._ended = not block
        return not self._ended

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._at += count

    def _space(self) -> None:
        while True:
            stripped = self._buffer.lstrip(_SPACE)
            self._drop(len(self._buffer) - len(stripped))
            if self._buffer or not self._more():
                return

    def _take(self, char: bytes) -> bool:
        found = self._buffer[:1] == char
        if found:
            self._drop(1)
        return found


class _BrokenFileError(Exception):
    def __init__(self, event: Broken) -> None:
        super().__init__(event.what)
        self.event = event


_plain: Final = msgspec.json.Decoder(list[dict[str, Any]])
_raw: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _skipper(raw: bytes) -> Sequence[Any]:
    return _raw.decode(raw)


def _decoded(raw: bytes, decoder: Decoder | None) -> tuple[Sequence[Any], bool]:
    """Elements of `[...]`, and whether the caller's decoder took them. Raises DecodeError unless `raw` is JSON."""
    try:
        return _decoded_strictly(raw, decoder)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError("text that is not UTF-8, or nested too deeply") from error


def _decoded_strictly(raw: bytes, decoder: Decoder | None) -> tuple[Sequence[Any], bool]:
    if decoder is not None:
        try:
            return decoder(raw), True
        except msgspec.ValidationError:
            pass
    try:
        return _plain.decode(raw), False
    except msgspec.ValidationError:
        return msgspec.json.decode(raw), False


def _last_border(buffer: bytes) -> int | None:
    """Index of the `}` of the last `},{` in the buffer."""
    span = 1 << 14
    while True:
        start = max(0, len(buffer) - span)
        found = None
        for found in _BORDER.finditer(buffer, start):  # noqa: B007  the last one is wanted
            pass
        if found is not None:
            return found.start()
        if start == 0:
            return None
        span *= 16


def _scan(buffer: bytes) -> tuple[Any, int | None]:
    """Exact borders in a buffer that starts inside an array, between elements.

    Gives the indices of each closing `}` of an element, and the index of the array's own `]`, if it is here.
    """
    text = np.frombuffer(buffer, np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    if quotes.size and b"\\" in buffer:
        quotes = quotes[~_escaped(text, quotes)]
    structural = np.flatnonzero(_STRUCTURAL[text])
    outside = np.searchsorted(quotes, structural) % 2 == 0
    structural = structural[outside]
    kind = text[structural]
    depth = np.cumsum(np.where((kind == ord("{")) | (kind == ord("[")), 1, -1))
    closing = np.flatnonzero(depth < 0)
    close = int(structural[closing[0]]) if closing.size else None
    if closing.size:
        structural, kind, depth = structural[: closing[0]], kind[: closing[0]], depth[: closing[0]]
    return structural[(depth == 0) & (kind == ord("}"))], close


_STRUCTURAL: Final = np.zeros(256, bool)
_STRUCTURAL[[ord(c) for c in "{}[]"]] = True


def _escaped(text: Any, quotes: Any) -> Any:
    """Which quotes have an odd number of backslashes before them."""
    slashes = np.flatnonzero(text == ord("\\"))
    heads = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
    lengths = np.diff(np.append(heads, slashes.size))
    stops = slashes[heads] + lengths  # the place after each run of backslashes
    odd = stops[lengths % 2 == 1]
    return np.isin(quotes, odd, assume_unique=True)


def tolerant(raw: bytes) -> list[Any]:
    """Elements of `[...]` that may hold NaN or text in Windows' Latin alphabet. Raises ValueError where it is not JSON."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    try:
        items: list[Any] = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return items


def without_nan(value: Any) -> Any:
    """The value with NaN and infinity as None, and halves of surrogate pairs as U+FFFD, as neither can be kept."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    if isinstance(value, dict):
        return {without_nan(k): without_nan(v) for k, v in value.items()}
    return value
