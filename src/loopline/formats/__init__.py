"""Label files: one file a format. Ask the registry for one; see docs/formats.md for what each keeps."""

from loopline.formats._format import FileFormat

__all__ = ["FileFormat"]
