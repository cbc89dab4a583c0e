"""Text to tree and back, and what is refused, where."""

from __future__ import annotations

import sys
import threading
import time
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import QueryError, QuerySyntaxError
from loopline.kernel.expr import MAX_DEPTH, Compare, Const, Method, Name, depth, from_json, to_json
from loopline.query.parse import MAX_CHARACTERS, MAX_LISTED, parse

from . import expressions

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(expressions.trees)
def test_a_printed_tree_parses_to_itself(tree):
    text = str(tree)
    assert parse(text) == tree
    assert str(parse(text)) == text
    assert from_json(to_json(tree)) == tree


@QUICK
@given(expressions.trees, st.sampled_from(["  ", "\n ", " # why\n", "\t", "\r\n"]))
def test_space_line_breaks_and_comments_around_do_not_matter(tree, space):
    assert parse(f"{space}({space}{tree}{space}){space}") == tree


def refused_inside(text: str) -> bool:
    """Whether the text is refused; then the column is inside of it."""
    try:
        tree = parse(text)
    except QuerySyntaxError as error:
        column = error.column or 0
        if not (0 <= column <= len(text) and str(error)):
            raise AssertionError(f"column {error.column} of {text!r}") from error
        return True
    assert parse(str(tree)) == tree
    return False


@QUICK
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_a_column_inside_it(text):
    refused_inside(text)


@QUICK
@given(st.text(alphabet="ab.()[]'\"<>=! +-*/%,:\\\n#0189é", max_size=40))
def test_any_punctuation_is_parsed_or_refused(text):
    refused_inside(text)


def test_a_pattern_may_hold_backslashes_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse(r"path.matches('\d+')") == Method(Name("path"), "matches", (Const("\\d+"),))
        assert parse(r"path.matches(r'\\')") == Method(Name("path"), "matches", (Const("\\\\"),))


def test_an_expression_may_run_over_lines():
    assert parse("a == 1\n  and  # first\n  b == 2") == parse("a == 1 and b == 2")


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("a = 1", 2, "=="),
        ("a == ", 4, "invalid syntax"),
        ("a and (b or", 6, "never closed"),
        ("a) or (b", 1, "unmatched"),
        ("é == 'ü' and lambda: 1", 13, "lambda"),
        ("a\n  and é is 3", 13, "only for None"),
        ("日本 < 1 and [x for x in y]", 11, "comprehension"),
        ("'''ü\nü''' == a.b(c=1)", 19, "no names"),
        ("a & b", 0, "`&`"),
        ("a | b", 0, "`|`"),
        ("a @ b", 0, "operator"),
        ("~a", 0, "not part"),
        ("f'{a}'", 0, "f-string"),
        ("(a := 1)", 1, "assignment"),
        ("{'a': 1}", 0, "dict"),
        ("a[0:1]", 0, "brackets"),
        ("a[b]", 0, "brackets"),
        ("a in [b]", 6, "texts and numbers"),
        ("f(*a)", 2, "starred"),
        ("(a)(b)(c)", 0, "only a name"),
        ("...", 0, "cannot stand"),
        ("1j", 0, "complex"),
        ("b'x'", 0, "bytes"),
        ("a == 1e999", 5, "inf"),
        ("a == 99999999999999999999", 5, "64 bits"),
        ("a == '\\ud800'", 5, "Unicode"),
        ("", 0, "empty"),
        ("  # nothing", 0, "empty"),
        ("'abc", 0, "unterminated"),
        ("a; b", 1, "invalid syntax"),
        ("import os", 0, "invalid syntax"),
    ],
)
def test_a_fault_is_named_where_it_stands(text, column, what):
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    error = caught.value
    assert (error.column, what in str(error)) == (column, True), str(error)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + ")" * 5000,
        "[" * 150 + "]" * 150,
        "not " * 10_000 + "a",
        "-" * 60_000 + "a",
        "a" + "+a" * 20_000,
        "a" + ".a" * 20_000,
        "a if b else " * 5000 + "c",
        "a" + "**a" * 10_000,
        "f(" * 99 + "not not a" + ")" * 99,
        "9" * 50_000,
        "a" * 1_000_000,
        "a or " * 200_000 + "a",
        f"a in [{'1,' * (MAX_LISTED + 1)}]",
        "'" + "x" * MAX_CHARACTERS,
        "a == '\0'\0",
    ],
)
def test_text_made_to_exhaust_the_parser_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert time.perf_counter() - start < 5
    assert len(str(caught.value)) < 2000


def test_what_is_within_the_limits_is_read():
    assert depth(parse("not " * (MAX_DEPTH - 1) + "a")) == MAX_DEPTH
    listed = parse(f"a in [{','.join('1' for _ in range(MAX_LISTED))}]")
    assert isinstance(listed, Compare)
    assert parse(" or ".join(["a == 1"] * 3000)) is not None


def test_sql_words_get_a_word_about_the_language():
    with pytest.raises(QueryError, match="Python syntax, not SQL"):
        parse("weather <> 'rain' AND x")


def test_the_least_whole_number_has_no_negative_of_64_bits() -> None:
    text = "-(-9223372036854775808)"
    assert parse(str(parse(text))) == parse(text)


def test_threads_may_parse_at_the_same_time():
    text = " and ".join(["width > 399"] * 120)
    wrong, start, before = [], threading.Barrier(6), sys.getswitchinterval()

    def read():
        start.wait()
        try:
            for _ in range(15):
                parse(text)
        except Exception as error:
            wrong.append(error)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
