"""Values of plug-ins, by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from loopline.errors import BadValue
from loopline.kernel import plugins


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name


ONE = Plain("one")
SEVERAL = (Plain("two"), Plain("three"))


def point(what: str) -> EntryPoint:
    return EntryPoint(what.lower(), f"{__name__}:{what}", "group")


def loaded(*points: EntryPoint) -> dict[str, Plain]:
    return plugins.load(points, "thing", lambda module: module.ONE, BadValue)


def test_a_point_has_one_value_or_several_and_they_keep_their_order() -> None:
    assert list(loaded(point("SEVERAL"), point("ONE"))) == ["two", "three", "one"]


def test_of_two_with_one_name_the_second_is_named() -> None:
    with pytest.raises(BadValue, match=f'{__name__}:ONE: two things are named "one"'):
        loaded(point("ONE"), point("ONE"))


def test_what_does_not_load_is_named() -> None:
    with pytest.raises(BadValue, match='the thing plug-in "nothing" does not load'):
        loaded(point("NOTHING"))


def test_the_files_of_a_package_are_points_but_for_private_ones_and_those_left_out() -> None:
    names = [one.name for one in plugins.entry_points("loopline.formats", without={"registry", "voc"})]
    assert {"coco", "yolo"} <= set(names)
    assert not {"registry", "voc", "_format"} & set(names)
    assert names == sorted(names)
