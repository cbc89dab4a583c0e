"""What is found before anything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loopline.errors import QueryError, QueryTypeError, UnknownName
from loopline.kernel.expr import Name, Not
from loopline.kernel.schema import EvaluationNames
from loopline.query.builder import F, as_expr
from loopline.query.check import check_condition, check_value
from loopline.query.check_names import Scope
from loopline.query.names import object_names
from loopline.query.view import View

from .engine import STREET, make_engine

SAMPLES, OBJECTS = Scope(STREET), Scope(STREET, "ground_truth")


def fault(text, scope=SAMPLES, check=check_condition):
    with pytest.raises(QueryError) as caught:
        check(text, scope)
    return caught.value


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("wether == 'rain'", 0, 'did you mean "weather"'),
        ("width > 1 and colour == 'red'", 14, "objects have it: write ground_truth.any(colour …)"),
        ("score > 0.5", 0, "ground_truth.any(score …)"),
        ("ground_truth.any(lable == 'car')", 17, 'did you mean "label"'),
        ("ground_truth.any(weather == 'rain')", 17, "sample.weather"),
        ("ground_truth.any(sample.wether == 'rain')", 24, 'did you mean "weather"'),
        ("ground_truth.any(box.width > 3)", 21, "known: area"),
        ("ground_truth.ayn(score > 3)", 13, 'did you mean "any"'),
        ("ground_truth.score > 3", 13, "ground_truth.any(score …)"),
        ("ground_truth.box.area > 3", 13, "ground_truth.any(box.area …)"),
        ("ground_truth.nothing > 3", 13, "known:"),
        ("scene.lable == 'day'", 6, 'did you mean "label"'),
        ("quality.any(box.x > 1)", 16, ""),
        ("path.contain('x')", 5, 'did you mean "contains"'),
        ("contains(path, 'x')", 0, "path.contains"),
        ("any(score > 3)", 0, "ground_truth.any(…)"),
        ("path.name == 'x'", 5, "brackets"),
        ("__import__('os')", 0, "known:"),
        ("open('/etc/passwd')", 0, "known:"),
        ("eval('1')", 0, ""),
        ("path.__class__ == 'x'", 5, ""),
        ("tags.all() == 1", 5, "'todo' in tags"),
        ("__builtins__", 0, ""),
        ("sample.width > 3", 0, ""),
        ("read_csv('/etc/passwd')", 0, ""),
    ],
)
def test_an_unknown_name_is_an_error_with_near_names(text, column, hint):
    error = fault(text)
    assert isinstance(error, (UnknownName, QueryTypeError))
    assert error.column == column, str(error)
    assert hint in error.hint, str(error)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("width == 'wide'", 0, "a whole number does not compare with a text"),
        ("'a' < 3", 0, "a text does not compare with a whole number"),
        ("weather", 0, "a condition is needed"),
        ("width", 0, "a condition is needed"),
        ("width and checked", 0, "a condition is needed"),
        ("not path", 4, "a condition is needed"),
        ("checked + 1 > 2", 0, "a number is needed"),
        ("-path == 1", 1, "a number is needed"),
        ("checked < True", 0, "no order"),
        ("width.contains('x')", 6, ".contains is for text"),
        ("path.contains(3)", 14, "needs a text"),
        ("path.contains()", 5, "takes 1 value"),
        ("path.matches('(')", 13, "pattern cannot be read"),
        ("path.matches('(?=a)')", 13, "pattern cannot be read"),
        ("path.matches(weather)", 13, "a text in quotes"),
        ("abs(path) > 1", 4, "a number is needed"),
        ("abs(1, 2) > 1", 0, "takes 1 value"),
        ("max(1) > 1", 0, "two values or more"),
        ("max(1, path) > 1", 7, "does not compare"),
        ("width == None", 9, "nothing compares with None"),
        ("width in [1, None]", 13, "None cannot be in a list"),
        ("width in [1, 'a']", 13, "does not compare"),
        ("width in weather", 9, "needs a list"),
        ("'x' in path", 7, "needs a list"),
        ("3 in tags", 0, "a tag is a text"),
        ("weather in tags", 0, "a tag is a text"),
        ("tags == 'x'", 0, "tags are a set"),
        ("predictions", 0, "label field"),
        ("predictions > 3", 0, "label field"),
        ("predictions.max()", 12, "cannot be called"),
        ("predictions.all()", 12, "cannot be called"),
        ("predictions.any(score > 1, score > 2)", 12, "cannot be called"),
        ("predictions.max(label == 'car') > 1", 16, "needs a number"),
        ("predictions.mean(label) > 1", 17, "needs a number"),
        ("predictions.any(score)", 16, "a condition is needed"),
        ("predictions.any(mask == 'x')", 16, "mask or point list"),
        ("predictions.any(box > 3)", 16, "has parts"),
        ("created_at > 3", 0, "does not compare"),
        ("created_at > 'yesterday'", 13, "not a time"),
        ("meta == 'x'", 0, "as a whole"),
        ("meta.camera == 'x'", 5, "brackets"),
        ("path['x'] == 'x'", 0, "json column"),
        ("(1 if checked else 'a') == 1", 1, "differ"),
        ("scene.label == quality.label", 0, "row by row"),
        ("[1, 2]", 0, "right of `in`"),
        ("[1].lower() == 'a'", 0, "right of `in`"),
        ("len(3) > 1", 4, "needs a text"),
    ],
)
def test_a_type_that_cannot_be_right_is_found_before_running(text, column, what):
    error = fault(text)
    assert isinstance(error, QueryTypeError)
    assert what in error.what, str(error)
    assert error.column == column, str(error)


@pytest.mark.parametrize("corners", ["0, 0, 1, 0, 1, False", "0, 0, 1, 0, 1, True", "0, 0, 1, 0, 1", "0, 0, 1, 0"])
def test_corners_are_pairs_of_numbers(corners):
    assert "three corners or more" in str(fault(f"inside('looks', [{corners}])"))


def test_only_numbers_are_off():
    """Match tables from before there was such a column have none: what cannot be asked of boxes is refused up front."""
    judged = replace(STREET, evaluations=(EvaluationNames("ev1", "ground_truth", "quality"),))
    assert (STREET.field("ground_truth").kind, STREET.field("quality").kind) == ("box", "value")
    error = fault("abs(ev1.off) > 1", Scope(judged, "ground_truth"))
    assert isinstance(error, UnknownName)
    assert 'an evaluation of box labels has no "off"' in str(error)
    assert check_condition("abs(ev1.off) > 1", Scope(judged, "quality")).bound.type == "bool"
    assert "ev1.off" not in object_names(judged.field("ground_truth"), judged)
    assert "ev1.off" in object_names(judged.field("quality"), judged)


def test_faults_of_a_tree_point_into_its_printed_text():
    error = fault(as_expr((F.width > 3) & (F.wether == "rain")))
    assert (error.text, error.column) == ("width > 3 and wether == 'rain'", 14)


def test_a_tree_nested_too_deeply_is_refused():
    tree = Name("checked")
    for _ in range(20_000):
        tree = Not(tree)
    assert "levels deep" in fault(tree).what


def test_a_mask_has_no_value():
    assert "mask" in fault("mask", OBJECTS, check_value).what


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ground_truth.any(label == 'cra')", 'no class "cra" in ground_truth; did you mean "car"?'),
        ("ground_truth.any(label in ['car', 'persn'])", 'no class "persn" in ground_truth; did you mean "person"?'),
        ("scene.label != 'dya'", 'no class "dya" in scene; did you mean "day"?'),
        ("weather == 'rian'", 'no value of weather "rian" in the samples; did you mean "rain"?'),
        ("ground_truth.count(label == 'zebra') > 1", 'no class "zebra" in ground_truth'),
    ],
)
def test_a_class_that_the_field_does_not_have_is_a_hint_not_an_error(text, hint):
    checked = check_condition(text, SAMPLES)
    assert [h.what for h in checked.hints] == [hint]
    assert "^" in str(checked.hints[0])


def test_known_classes_give_no_hint():
    assert not check_condition(
        "ground_truth.any(label == 'car') and weather != 'rain' and path == 'cra'", SAMPLES
    ).hints


@pytest.mark.parametrize(
    "text",
    [
        'path.contains("\'; drop table samples; --")',
        'weather == "\' OR 1=1 --"',
        "'\"; drop table samples; --' in tags",
        "path in [\"a'b\", '$p0', '{0}', '%s', '\\0']",
        "path.matches('.*; drop table samples')",
        "meta['\"; drop table samples'] == '$.x'",
        "path.startswith('{0}{1}')",
    ],
)
def test_hostile_text_is_only_ever_a_value(text):
    engine = make_engine(STREET, [{"id": 1, "path": "a", "weather": "rain"}])
    assert View(engine).where(text).count() == 0
    assert View(engine).where(f"not {text}").count() == 1
    sql = View(engine).where(text).explain().split("\n--")[0]
    assert "drop" not in sql
    assert View(engine).count() == 1
