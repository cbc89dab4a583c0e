"""What picture and video files say about themselves, and how samples refer to them."""

from __future__ import annotations

from loopline.media.cache import SqliteProbeCache
from loopline.media.files import LOCAL, Files, FileStamp, LocalFiles
from loopline.media.kinds import mime_of
from loopline.media.many import PROBE_SCHEMA, ProbeCache, probe_many
from loopline.media.opening import MediaFiles, local_media, open_media
from loopline.media.pictures import MAX_PIXELS, exif_orientation
from loopline.media.probe import Probe, probe
from loopline.media.references import is_url, media_file, reference, relative_path

__all__ = [
    "LOCAL",
    "MAX_PIXELS",
    "PROBE_SCHEMA",
    "FileStamp",
    "Files",
    "LocalFiles",
    "MediaFiles",
    "Probe",
    "ProbeCache",
    "SqliteProbeCache",
    "exif_orientation",
    "is_url",
    "local_media",
    "media_file",
    "mime_of",
    "open_media",
    "probe",
    "probe_many",
    "reference",
    "relative_path",
]
