"""Data sets on the Hugging Face hub: `hf://user/name`, through the hub's own file system where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import loopline as ll
from loopline.errors import MediaError, MissingDependency
from loopline.formats import huggingface
from loopline.media import remote
from tests.formats.test_support import base
from tests.formats.worlds import files_in, written

fsspec = pytest.importorskip("fsspec")


class Unreachable(Exception):
    """What the hub's client raises without a connection is no OSError."""


@pytest.fixture
def hub() -> Iterator[Any]:
    """A file system in memory in the place of the hub's."""
    from fsspec.implementations.memory import MemoryFileSystem
    from fsspec.registry import _registry

    class Hub(MemoryFileSystem):  # type: ignore[misc]
        protocol = "hf"
        store: dict[str, Any] = {}  # noqa: RUF012
        pseudo_dirs = [""]  # noqa: RUF012
        online = True

        def info(self, path: str, **more: Any) -> Any:
            if not type(self).online:
                raise Unreachable("[Errno -2] Name or service not known")
            return super().info(path, **more)

    before = _registry.pop("hf", None)
    fsspec.register_implementation("hf", Hub, clobber=True)
    remote._other.cache_clear()
    yield Hub
    _registry.pop("hf", None)
    if before is not None:
        _registry["hf"] = before
    remote._other.cache_clear()


def test_a_data_set_of_the_hub_comes_in_by_its_name(tmp_path: Path, hub: Any) -> None:
    written(huggingface.FORMAT, base(tmp_path / "media", "huggingface", video=False), tmp_path / "out")
    for name, content in files_in(tmp_path / "out").items():
        hub().pipe_file(f"datasets/ann/pets/{name}", content)
    ds = ll.create(tmp_path / "set")
    report = ds.add("hf://ann/pets")
    assert (report.samples_added, report.unreadable, report.objects_added) == (2, 0, {"ground_truth": 4})
    assert ds.add("hf://datasets/ann/pets").samples_added == 0


def test_without_a_connection_the_error_says_so(tmp_path: Path, hub: Any) -> None:
    hub.online = False
    with pytest.raises(MediaError, match=r"cannot be reached: .*Name or service not known") as caught:
        ll.create(tmp_path / "set").add("hf://ann/pets")
    assert "connection" in caught.value.hint


def test_without_the_hubs_package_the_error_names_it(tmp_path: Path) -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependency) as caught:
            ll.create(tmp_path / "set").add("hf://ann/pets")
        assert caught.value.hint == "pip install huggingface_hub"
    else:
        pytest.skip("huggingface_hub is installed")
