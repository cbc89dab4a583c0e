"""A large XML label file, element by element, in bounded memory and safely."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder, indent, tostring
from xml.parsers import expat

from loopline.errors import FormatError
from loopline.kernel.exchange import quiet

WINDOW: Final = 1 << 18
_MOST_DEPTH: Final = 100
_NOT_XML: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


def elements(path: Path, tags: frozenset[str], report: Callable[[int, int], None] = quiet) -> Iterator[Element]:
    """The children of the root that have one of the tags, each whole; the rest of the file is passed over.

    An element of no use any more is freed, so a file of any size needs the memory of its largest element.
    Raises FormatError where the file is not XML or has a DOCTYPE, with the line; what came before was given out.
    """
    reader = _Reader(tags)
    size = path.stat().st_size
    done = 0
    with path.open("rb") as file:
        while True:
            block = file.read(WINDOW)
            failed: FormatError | None = None
            try:
                reader.parser.Parse(block, not block)
            except expat.ExpatError as error:
                what = f"not XML: {expat.ErrorString(error.code)}"
                failed = FormatError(what, where=f"{path.name}: line {error.lineno}, column {error.offset + 1}")
            except (ValueError, LookupError) as error:  # also an unknown encoding
                failed = error if isinstance(error, FormatError) else FormatError(f"not XML: {error}", where=path.name)
            yield from reader.take()
            if failed is not None:
                raise failed
            done += len(block)
            report(done, size)
            if not block:
                return


def root_tag(path: Path, most: int = 1 << 16) -> tuple[str, bytes]:
    """Name of the root element and the file's first bytes; "" where there is none. For sniffing: reads little."""
    with path.open("rb") as file:
        head = file.read(most)
    found: list[str] = []
    parser = expat.ParserCreate()

    def start(name: str, _attributes: dict[str, str]) -> None:
        found.append(name)

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(head, False)
    return (found[0] if found else ""), head


def lines(element: Element, level: int = 0) -> bytes:
    """The element as indented lines. Control characters, which XML cannot hold in any form, become U+FFFD."""
    indent(element, "  ", level)
    text = tostring(element, encoding="utf-8", xml_declaration=False).rstrip()
    return b"  " * level + _NOT_XML.sub(b"\xef\xbf\xbd", text) + b"\n"


def _refuse(*_: object) -> None:
    """Label files need no document type; one may hold entities that grow without end or name other files."""
    raise FormatError("the XML has a DOCTYPE, which is refused", hint="remove the DOCTYPE line")


class _Reader:
    """State of one pass: the element that is being built, and those that are ready."""

    def __init__(self, tags: frozenset[str]) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = _refuse
        self._tags = tags
        self._ready: list[Element] = []
        self._builder: TreeBuilder | None = None
        self._depth = 0

    def take(self) -> list[Element]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise FormatError("the XML is nested too deeply", hint=f"at most {_MOST_DEPTH} elements one in another")
        if self._builder is None and self._depth == 2 and tag in self._tags:
            self._builder = TreeBuilder()
        if self._builder is not None:
            self._builder.start(tag, attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._builder is not None:
            self._builder.end(tag)
            if self._depth == 1:
                self._ready.append(self._builder.close())
                self._builder = None

    def _text(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
