"""Creating, opening, listing and dropping data sets."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from loopline.errors import DatasetNotFound, StoreError
from loopline.front import own_media
from loopline.front.dataset import Dataset, Info
from loopline.store import catalogs
from loopline.store.lake import Lake
from loopline.store.location import CATALOG_FILE, FolderLocation, Location, home, is_postgres, locate, names_in

Where = str | os.PathLike[str]

_open: weakref.WeakValueDictionary[str, Lake] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def create(where: Where, *, data: str | None = None) -> Dataset:
    """A new, empty data set.

    where  a name (under `$LOOPLINE_HOME`), a path, or `postgresql://user@host/database/name`
    data   where its data files go, if not into its folder: another folder, or `s3://bucket/prefix`

    Raises DatasetExists.
    """
    location = locate(where)
    with _lock:
        lake = Lake.create(location, data=data)
        _open[str(location)] = lake
    return Dataset(lake)


def open_dataset(where: Where) -> Dataset:
    """A data set that exists; opened once a process, however often it is asked for. Raises DatasetNotFound."""
    location = locate(where)
    with _lock:
        lake = _open.get(str(location))
        if lake is None or lake.closed or not _there(location):
            lake = _open[str(location)] = Lake.open(location)
    return Dataset(lake)


def _there(location: Location) -> bool:
    return location.exists() if isinstance(location, FolderLocation) else True


def list_datasets() -> list[str]:
    """Names of the data sets under `$LOOPLINE_HOME`, in order."""
    base = home()
    if is_postgres(base):
        return catalogs.postgres_names(base)
    return names_in(Path(base).expanduser())


def overview() -> Iterator[Info]:
    """What each data set under `$LOOPLINE_HOME` holds, in the order of their names; open one at a time."""
    for name in list_datasets():
        with Lake.open(locate(name)) as lake:
            yield Dataset(lake).info()


def drop(where: Where) -> None:
    """Delete a data set, with its history and the pictures copied into it. Pictures and label files that it was made
    from stay. Cannot be undone.

    Raises DatasetNotFound; StoreError for a folder that holds anything else.
    """
    location = locate(where)
    with _lock:
        lake = _open.pop(str(location), None)
    if not isinstance(location, FolderLocation):
        catalogs.drop_postgres(lake if lake is not None and not lake.closed else Lake.open(location))
        shutil.rmtree(location.cache, ignore_errors=True)
        return
    if not location.exists():
        raise DatasetNotFound(
            f'no data set "{location.name}"', where=str(location), hint="loopline list shows what is there"
        )
    own = {"data", "cache", "write.lock"}
    if own_media.made_all(location.folder / own_media.FOLDER):
        own.add(own_media.FOLDER)
    foreign = [e.name for e in location.folder.iterdir() if e.name not in own and not e.name.startswith(CATALOG_FILE)]
    if foreign:
        raise StoreError(
            f"its folder holds other things too: {', '.join(sorted(foreign)[:5])}",
            where=str(location),
            hint="move them away first",
        )
    opened = lake if lake is not None and not lake.closed else Lake.open(location)
    catalogs.delete_remote_files(opened)
    opened.close()
    shutil.rmtree(location.folder)
