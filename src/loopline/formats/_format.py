"""What a format file hands to the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopline.errors import FormatError, near
from loopline.kernel.exchange import Event, Exportable, Format, Sniffed, Source, Written


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A `Format` made of functions. Options are the named, keyword-only parameters of `reader` and `writer`."""

    name: str
    title: str
    sniffer: Callable[[Path], Sniffed | None]
    reader: Callable[..., Iterator[Event]] | None = None
    writer: Callable[..., Written] | None = None

    @property
    def reads(self) -> bool:
        return self.reader is not None

    @property
    def writes(self) -> bool:
        return self.writer is not None

    def sniff(self, path: Path) -> Sniffed | None:
        """Is this ours? Reads a few kB at most. None: no."""
        return self.sniffer(path)

    def read(self, source: Source, **options: Any) -> Iterator[Event]:
        """The file as events. Raises FormatError for an option that the format does not have."""
        if self.reader is None:
            raise FormatError(f"{self.title} cannot be read")
        self._check(self.reader, options)
        return self.reader(source, **options)

    def write(self, what: Exportable, target: Path, *, fields: Sequence[str], **options: Any) -> Written:
        """Write the view. Raises FormatError for an option that the format does not have."""
        if self.writer is None:
            raise FormatError(f"{self.title} cannot be written")
        self._check(self.writer, options, but=("fields",))
        return self.writer(what, target, fields=fields, **options)

    def _check(self, function: Callable[..., object], options: dict[str, Any], but: Sequence[str] = ()) -> None:
        known = [name for name in option_names(function) if name not in but]
        for name in options:
            if name not in known:
                raise FormatError(f'{self.title} has no option "{name}"', hint=near(name, known))


def reader_options(one: Format) -> list[str]:
    """Names of the options that a format's reader takes."""
    if isinstance(one, FileFormat):
        return option_names(one.reader) if one.reader is not None else []
    return option_names(one.read)


def writer_options(one: Format) -> dict[str, object]:
    """Names of the options that a format's writer takes, with what holds where they are not given."""
    function = one.writer if isinstance(one, FileFormat) else one.write
    if function is None:
        return {}
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY and p.name != "fields"}


def option_names(function: Callable[..., object]) -> list[str]:
    """Names of the keyword-only parameters."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
