"""Search, neighbours, groups, coresets, mining and maps over vectors: examples, laws, and plain NumPy as second opinion."""

from __future__ import annotations

import importlib.util

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from loopline.curate import coreset, groups, mining, projection
from loopline.curate.neighbours import density, neighbours, outlier_score, uniqueness
from loopline.curate.search import build_index, exact
from loopline.errors import BadValue, MissingDependency


def clouds(rng: np.random.Generator, *, each: int = 40, dimension: int = 16) -> np.ndarray:
    """Three clouds of points, one after the other."""
    middle = rng.standard_normal((3, dimension)) * 4
    return (np.repeat(middle, each, axis=0) + rng.standard_normal((3 * each, dimension)) * 0.5).astype(np.float32)


def plainly(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosine of each row with a query, in double precision."""
    rows, wanted = vectors.astype(np.float64), query.astype(np.float64)
    return rows @ wanted / np.linalg.norm(rows, axis=1) / np.linalg.norm(wanted)


# -- search


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_row_is_most_like_itself(dtype: type) -> None:
    vectors = clouds(np.random.default_rng(0)).astype(dtype)
    found = build_index(vectors).search(vectors[17], 3)
    assert found.rows[0, 0] == 17
    assert found.similarity[0, 0] == pytest.approx(1, abs=2e-3)
    assert len(set(found.rows[0])) == 3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_both_ways_to_search_agree_with_plain_arithmetic(rows: int, k: int, queries: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, 8)).astype(np.float32)
    wanted = rng.standard_normal((queries, 8)).astype(np.float32)
    for found in (build_index(vectors).search(wanted, k), exact(vectors, wanted, k)):
        for i, query in enumerate(wanted):
            truth = -np.sort(-plainly(vectors, query))[:k]
            np.testing.assert_allclose(found.similarity[i], truth, atol=2e-3)
            np.testing.assert_allclose(plainly(vectors, query)[found.rows[i]], truth, atol=2e-3)


def test_a_block_of_rows_more_or_less_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    vectors, wanted = rng.standard_normal((500, 8)), rng.standard_normal((4, 8))
    whole = exact(vectors, wanted, 30)
    monkeypatch.setattr("loopline.curate.search.BLOCK_ROWS", 37)
    parts = exact(vectors, wanted, 30)
    np.testing.assert_array_equal(whole.rows, parts.rows)


def test_an_approximate_index_states_its_recall() -> None:
    vectors = np.random.default_rng(2).standard_normal((3000, 16)).astype(np.float32)
    index = build_index(vectors, approximate=True)
    assert 0.8 < index.recall <= 1
    assert build_index(vectors).recall == 1


def test_no_vectors_and_no_wish_give_no_answer() -> None:
    assert build_index(np.zeros((0, 4), np.float16)).search(np.ones(4), 5).rows.shape == (1, 0)
    assert build_index(np.ones((3, 4), np.float16)).search(np.ones(4), 0).rows.shape == (1, 0)


def test_a_query_of_another_length_is_refused() -> None:
    with pytest.raises(BadValue, match="a query has 3 numbers and the vectors 4"):
        build_index(np.ones((3, 4))).search(np.ones(3), 1)


# -- neighbours


def test_the_table_agrees_with_scikit_learn() -> None:
    vectors = clouds(np.random.default_rng(3))
    table = neighbours(vectors, k=5)
    oracle = NearestNeighbors(n_neighbors=6, metric="cosine", algorithm="brute").fit(vectors)
    distance, index = oracle.kneighbors(vectors)
    assert (table.index == index[:, 1:]).mean() > 0.99  # nearly equal distances may change places
    np.testing.assert_allclose(1 - table.similarity, distance[:, 1:], atol=1e-4)


def test_nobody_is_a_neighbour_of_its_own_even_among_twins() -> None:
    vectors = np.ones((30, 4), np.float32)
    table = neighbours(vectors, k=5)
    assert not (table.index == np.arange(30)[:, None]).any()
    assert all(len(set(row)) == 5 for row in table.index.tolist())
    assert uniqueness(table).max() == 0


def test_few_rows_have_few_neighbours() -> None:
    table = neighbours(np.eye(3, dtype=np.float32), k=5)
    assert table.index.shape == (3, 5)
    assert (table.index[:, 2:] == -1).all()
    assert np.isnan(neighbours(np.ones((1, 4)), k=2).similarity).all()
    assert uniqueness(neighbours(np.ones((1, 4)), k=2)).tolist() == [1.0]


def test_the_odd_one_out_is_the_most_unique_and_the_greatest_outlier() -> None:
    vectors = clouds(np.random.default_rng(4))
    vectors[60] = -vectors[:40].mean(axis=0) * 3 + np.eye(16)[0] * 9
    table = neighbours(vectors, k=5)
    assert uniqueness(table).argmax() == 60
    assert outlier_score(table).argmax() == 60
    assert density(table).argmin() == 60
    assert np.median(outlier_score(table)) == pytest.approx(1, abs=0.3)


# -- groups


def test_twins_of_twins_are_one_group_and_the_best_of_it_comes_first() -> None:
    found = groups.linked_groups(6, [0, 1, 4], [1, 2, 5], [0.99, 0.95, 1.0], rank=[1, 3, 2, 0, 0, 0])
    assert found.rows.tolist() == [1, 2, 0, 4, 5]
    assert found.offsets.tolist() == [0, 3, 5]
    assert found.spare().tolist() == [2, 0, 5]
    assert found.of_row(6).tolist() == [0, 0, 0, -1, 1, 1]
    assert found.closeness.tolist() == [0.99, 0.95, 0.99, 1.0, 1.0]


def test_a_missing_hash_equals_nothing() -> None:
    found = groups.equal_groups(pa.array(["a", None, "b", "a", None]))
    assert found.rows.tolist() == [0, 3]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_groups_are_what_can_be_reached(case: tuple[int, list[tuple[int, int]]]) -> None:
    n, links = case
    a, b = [x for x, _ in links], [y for _, y in links]
    found = groups.linked_groups(n, a, b, np.ones(len(links)))
    reach = {i: {i} for i in range(n)}
    for x, y in links:
        joined = reach[x] | reach[y]
        for one in joined:
            reach[one] = joined
    expected = sorted({tuple(sorted(part)) for part in reach.values() if len(part) > 1})
    ours = [tuple(sorted(found.rows[i:j].tolist())) for i, j in zip(found.offsets[:-1], found.offsets[1:], strict=True)]
    assert sorted(ours) == expected


def test_a_pair_in_two_splits_is_a_leak() -> None:
    found = groups.linked_groups(5, [0, 2], [1, 3], [0.98, 0.99])
    table = groups.leaks(found, ["train", "val", "train", "train", None])
    assert table.to_pylist() == [
        {"row": 0, "split": "train", "other_row": 1, "other_split": "val", "closeness": 0.98},
        {"row": 1, "split": "val", "other_row": 0, "other_split": "train", "closeness": 0.98},
    ]
    assert groups.leaks(found, [None] * 5).num_rows == 0


def test_an_unknown_rule_of_what_to_keep_names_the_known_ones() -> None:
    with pytest.raises(BadValue, match='no rule "larges"') as caught:
        groups.keep_rank("larges", pixels=[1], labels=[1])  # type: ignore[arg-type]
    assert "largest" in str(caught.value)


# -- coresets, mining, maps


def test_three_centres_of_three_clouds_lie_in_three_clouds() -> None:
    vectors, rng = clouds(np.random.default_rng(5)), np.random.default_rng(0)
    assert set(coreset.k_center(vectors, 3, rng=rng) // 40) == {0, 1, 2}
    more = coreset.k_center(vectors, 1, already=[0, 41], rng=rng)
    assert more[0] // 40 == 2
    crowd = density(neighbours(vectors, k=5))
    assert set(coreset.typical(vectors, 3, crowd, rng=rng) // 40) == {0, 1, 2}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 50), st.integers(0, 9))
def test_a_coreset_has_no_row_twice(rows: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, 4))
    vectors[: rows // 2] = vectors[0]
    for picked in (coreset.k_center(vectors, count, rng=rng), coreset.typical(vectors, count, np.ones(rows), rng=rng)):
        assert len(set(picked.tolist())) == len(picked) == min(count, rows)


def test_what_is_like_a_failure_is_mined_and_doubles_are_not() -> None:
    vectors = clouds(np.random.default_rng(6))
    vectors[1:20] = vectors[0] + 1e-4
    failures = vectors[[0]]
    alike = mining.mine(vectors, failures, 10, diversity=0)
    assert set(alike.rows) <= set(range(40))
    assert alike.score.tolist() == sorted(alike.score, reverse=True)
    spread = mining.mine(vectors, failures, 5, diversity=0.5)
    assert len(set(spread.rows.tolist()) & set(range(20))) < 3


def test_a_failure_of_more_weight_comes_first() -> None:
    vectors = clouds(np.random.default_rng(7))
    found = mining.mine(vectors, vectors[[0, 50]], 4, weight=[0.1, 1.0], diversity=0)
    assert set(found.because) == {1}
    assert set(found.rows // 40) == {1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"failures": np.ones((1, 3))}, "vectors of 4 numbers and the failures of 3"),
        ({"diversity": 1.0}, "diversity lies in"),
        ({"weight": [1, 2]}, "1 failures and 2 weights"),
    ],
)
def test_what_cannot_be_mined_is_refused(arguments: dict, message: str) -> None:
    given_ = {"failures": np.ones((1, 4)), **arguments}
    with pytest.raises(BadValue, match=message):
        mining.mine(np.ones((2, 4)), given_.pop("failures"), 1, **given_)


def test_principal_components_are_those_of_a_singular_value_decomposition() -> None:
    vectors = clouds(np.random.default_rng(8))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    ours = projection.project(vectors)
    np.testing.assert_allclose(np.abs(ours), np.abs(u[:, :2] * s[:2]), atol=1e-4)
    np.testing.assert_array_equal(ours, projection.project(vectors))


def test_a_map_of_next_to_nothing_is_one_place() -> None:
    assert projection.project(np.ones((2, 5))).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(BadValue, match='no projection "pac"'):
        projection.project(np.ones((5, 5)), method="pac")  # type: ignore[arg-type]


def test_a_map_of_digits_keeps_neighbours_together_better_than_principal_components() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.manifold import trustworthiness

    vectors = datasets.load_digits().data[:400].astype(np.float32)
    ours = projection.project(vectors, method="pacmap", seed=1)
    np.testing.assert_array_equal(ours, projection.project(vectors, method="pacmap", seed=1))
    kept = [trustworthiness(vectors, p, n_neighbors=8, metric="cosine") for p in (projection.project(vectors), ours)]
    assert kept[0] + 0.05 < kept[1]
    assert kept[1] > 0.95


def test_a_map_of_twins_and_of_very_few_is_finite() -> None:
    for vectors in (np.ones((30, 4)), np.eye(3), np.zeros((5, 3))):
        assert np.isfinite(projection.project(vectors, method="pacmap")).all()


def test_umap_that_is_not_installed_says_how_to_have_it() -> None:
    if importlib.util.find_spec("umap") is None:
        with pytest.raises(MissingDependency, match="umap-learn is not installed"):
            projection.project(np.ones((5, 5)), method="umap")
