"""Where a data set lives: a folder, or a schema of a PostgreSQL database, and where its data files lie.

A name on its own means `$LOOPLINE_HOME/<name>`; the home is a folder (default `~/.loopline`) or, for a team, a
`postgresql://user@host/database` URL, with `$LOOPLINE_DATA` (a shared folder or `s3://bucket/prefix`) for the files.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from loopline.errors import StoreError

CATALOG_FILE = "catalog.sqlite"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A data set in a folder of its own."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def catalog(self) -> str:
        return f"sqlite:{self.folder / CATALOG_FILE}"

    @property
    def default_data(self) -> str:
        return str(self.folder / "data")

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def exists(self) -> bool:
        return (self.folder / CATALOG_FILE).is_file()

    def __str__(self) -> str:
        return str(self.folder)


@dataclass(frozen=True, slots=True)
class PostgresLocation:
    """A data set in the schema `loopline_<name>` of a PostgreSQL database."""

    url: str  # postgresql://user:password@host:port/database
    name: str

    @property
    def schema(self) -> str:
        return f"loopline_{self.name}"

    @property
    def catalog(self) -> str:
        return f"postgres:{self.connection_text}"

    @property
    def connection_text(self) -> str:
        """The URL as `key='value'` pairs, which is what the engine's PostgreSQL client takes."""
        parts = urlsplit(self.url)
        pairs = {
            "dbname": unquote(parts.path.lstrip("/")),
            "host": unquote(parts.hostname or ""),
            "port": str(parts.port or ""),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
        }
        query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
        pairs.update({key: unquote(value) for key, value in query.items()})
        return " ".join(f"{key}='{_escaped(value)}'" for key, value in pairs.items() if value)

    @property
    def default_data(self) -> str:
        base = os.environ.get("LOOPLINE_DATA")
        if not base:
            raise StoreError(
                "a data set with a PostgreSQL catalog needs a place for its files that all its users can reach",
                where=str(self),
                hint="pass data='s3://bucket/prefix' or a shared folder, or set LOOPLINE_DATA",
            )
        return f"{base.rstrip('/')}/{self.name}"

    @property
    def cache(self) -> Path:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return base / "loopline" / hashlib.sha256(f"{self.url}/{self.name}".encode()).hexdigest()[:16]

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        shown = f"{parts.username}@{host}" if parts.username else host
        return urlunsplit(
            (parts.scheme, f"{shown}:{parts.port}" if parts.port else shown, f"{parts.path}/{self.name}", "", "")
        )


Location = FolderLocation | PostgresLocation


def home() -> str:
    """`$LOOPLINE_HOME`, or `~/.loopline`."""
    return os.environ.get("LOOPLINE_HOME") or str(Path.home() / ".loopline")


def names_in(folder: Path) -> list[str]:
    """Names of the data sets in a folder, in order; quick enough for a shell's Tab key."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / CATALOG_FILE).is_file())


def is_postgres(text: str) -> bool:
    return text.startswith(("postgres://", "postgresql://"))


def locate(where: str | os.PathLike[str]) -> Location:
    """The place that a name, a path or a URL stands for. Nothing has to exist there yet.

    Raises StoreError for a name that cannot be one.
    """
    text = os.fspath(where)
    if is_postgres(text):
        return _postgres(text)
    if isinstance(where, str) and not any(mark in text for mark in ("/", "\\")) and not text.startswith(("~", ".")):
        _check(text)
        base = home()
        return (
            _postgres(f"{base.rstrip('/')}/{text}")
            if is_postgres(base)
            else FolderLocation(Path(base, text).expanduser().resolve())
        )
    return FolderLocation(Path(text).expanduser().resolve())


def _postgres(url: str) -> PostgresLocation:
    parts = urlsplit(url)
    database, _, name = parts.path.strip("/").partition("/")
    if not database or not name:
        raise StoreError(
            "a PostgreSQL location names a database and a data set",
            where=url.split("@")[-1],
            hint="write postgresql://user@host/database/dataset",
        )
    _check(name)
    return PostgresLocation(urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, "")), name)


def _check(name: str) -> None:
    if not _NAME.match(name):
        raise StoreError(
            f'"{name}" cannot name a data set',
            hint="use letters, digits, '-', '_' and '.', starting with a letter or digit; or give a path such as ./pictures",
        )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
