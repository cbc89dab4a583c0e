"""TFRecord files and the `tf.train.Example` in each record, read by hand: no TensorFlow, no protocol buffers package.

A record is its length (8 bytes), a checksum of that (4), the content, a checksum (4). Checksums are not compared: a
broken length shows by itself, and a broken picture when it is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from loopline.formats._shapes import Fault

Values = list[bytes] | list[float] | list[int]

_MOST: Final = 512 << 20  # bytes of one record
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Where each record ends in the file, and its content. Raises Fault where the file breaks off or is no TFRecord."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < size:
            head = file.read(12)
            if len(head) < 12:
                raise Fault("the file breaks off")
            (length,) = struct.unpack_from("<Q", head)
            if length > _MOST or at + 16 + length > size:
                raise Fault("the file breaks off, or is no TFRecord file")
            content = file.read(length)
            file.read(4)
            at += 16 + length
            yield at, content


def example(raw: bytes) -> Mapping[str, Values]:
    """The features of a `tf.train.Example`. Raises Fault where the bytes are none."""
    found: dict[str, Values] = {}
    try:
        for number, features in _fields(raw):
            if number == 1 and isinstance(features, bytes):
                for key_number, entry in _fields(features):
                    if key_number == 1 and isinstance(entry, bytes):
                        pair = dict(_fields(entry))
                        key, value = pair.get(1), pair.get(2, b"")
                        if isinstance(key, bytes) and isinstance(value, bytes):
                            found[key.decode("utf-8", "replace")] = _feature(value)
    except (IndexError, struct.error, ValueError):
        raise Fault("the record is no tf.train.Example") from None
    return found


def _feature(raw: bytes) -> Values:
    """The list in a feature: 1 bytes, 2 floats, 3 whole numbers; packed or one by one."""
    for kind, inner in _fields(raw):
        if not isinstance(inner, bytes):
            continue
        parts = [value for number, value in _fields(inner) if number == 1]
        if kind == 1:
            return [part for part in parts if isinstance(part, bytes)]
        if kind == 2:
            flat: list[float] = []
            for part in parts:
                if not isinstance(part, bytes):
                    raise ValueError
                flat += struct.unpack(f"<{len(part) // 4}f", part)
            return flat
        if kind == 3:
            whole: list[int] = []
            for part in parts:
                whole += [_signed(part)] if isinstance(part, int) else _packed(part)
            return whole
    return []


def _packed(raw: bytes) -> list[int]:
    out, at = [], 0
    while at < len(raw):
        value, at = _varint(raw, at)
        out.append(_signed(value))
    return out


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
        shift += 7
        if shift > 63:
            raise ValueError


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message; fixed-size ones as their bytes."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(raw, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(raw, at)
        elif kind in (_FOUR, _EIGHT):
            length = 4 if kind == _FOUR else 8
        else:
            raise ValueError
        if at + length > len(raw):
            raise ValueError
        yield tag >> 3, raw[at : at + length]
        at += length
