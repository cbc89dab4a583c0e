"""Perceptual hashes, quality and balance."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from scipy.fft import dctn

from loopline.curate import balance as balances
from loopline.curate import looks
from loopline.curate.quality import Quality, odd, quality
from loopline.errors import BadValue


def drawing(seed: int, side: int = 256) -> Image.Image:
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (side, side), int(rng.integers(60, 200)))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, w, h = rng.integers(0, side, 4).tolist()
        draw.ellipse((x, y, x + w // 2 + 8, y + h // 2 + 8), fill=int(rng.integers(0, 255)))
    return picture


def hash_of(picture: Image.Image) -> int | None:
    small = picture.convert("L").resize((looks.SIDE_PX, looks.SIDE_PX), Image.Resampling.LANCZOS)
    return looks.perceptual_hash(np.asarray(small))


def test_the_same_picture_smaller_and_recompressed_keeps_its_hash() -> None:
    for seed in range(20):
        whole, small = hash_of(drawing(seed)), hash_of(drawing(seed).resize((97, 103)))
        assert (whole ^ small).bit_count() <= 4  # type: ignore[operator]


def test_different_pictures_differ_in_many_bits() -> None:
    found = [hash_of(drawing(seed)) for seed in range(20)]
    apart = [(a ^ b).bit_count() for i, a in enumerate(found) for b in found[:i]]  # type: ignore[operator]
    assert min(apart) > 8


def test_the_transform_is_scipys() -> None:
    grey = np.asarray(drawing(3).resize((32, 32)))
    low = dctn(grey.astype(float), norm="ortho")[:8, :8].reshape(-1)
    low[0] = 0
    bits = int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")
    assert looks.perceptual_hash(grey) == bits


def test_a_blank_picture_has_no_hash() -> None:
    assert looks.perceptual_hash(np.full((32, 32), 200, np.uint8)) is None
    with pytest.raises(BadValue, match="32 × 32"):
        looks.perceptual_hash(np.zeros((8, 8), np.uint8))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**64 - 1)), min_size=1, max_size=40), st.integers(0, 8))
def test_pairs_are_those_that_comparing_all_with_all_finds(rows: list[tuple[int, int]], most: int) -> None:
    base = [0, 0xFFFF, 0xF0F0F0F0F0F0F0F0, 1 << 63, 0b1011, 2**64 - 1]
    hashes = np.array(
        [base[which] ^ (noise & noise >> 3 & noise >> 7 & noise >> 11) for which, noise in rows], np.uint64
    )
    known = np.arange(len(rows)) % 7 != 6
    a, b, bits = looks.alike_pairs(hashes, known, most_bits=most)
    expected = {
        (i, j): (int(hashes[i]) ^ int(hashes[j])).bit_count()
        for j in range(len(rows))
        for i in range(j)
        if known[i] and known[j] and (int(hashes[i]) ^ int(hashes[j])).bit_count() <= most
    }
    assert dict(zip(zip(a.tolist(), b.tolist(), strict=True), bits.tolist(), strict=True)) == expected


def test_missing_hashes_are_like_nothing() -> None:
    found = looks.alike_groups(pa.array([5, None, 5, None, 0x0F0F0F0F0F0F0F], pa.int64()))
    assert found.rows.tolist() == [0, 2]


# -- quality


def test_a_blurred_picture_is_less_sharp_and_a_dark_one_less_bright() -> None:
    plain = drawing(1)
    blurred = plain.filter(ImageFilter.GaussianBlur(4))
    dark = plain.point(lambda level: level // 8)
    whole, soft, dim = (quality(np.asarray(p)) for p in (plain, blurred, dark))
    assert soft.sharpness < whole.sharpness / 5
    assert dim.brightness < whole.brightness / 4
    assert dim.contrast < whole.contrast
    assert dim.dark < 0.2


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_a_picture_and_its_mirror_have_the_same_quality(height: int, width: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    for mine, theirs in zip(_values(quality(grey)), _values(quality(grey[:, ::-1])), strict=True):
        assert mine == pytest.approx(theirs)
    assert 0 <= quality(grey).entropy <= 8


def _values(one: Quality) -> list[float]:
    return [getattr(one, name) for name in ("brightness", "dark", "bright", "contrast", "sharpness", "entropy")]


def test_noise_has_nearly_eight_bits_of_entropy() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (400, 400)).astype(np.uint8)
    assert quality(grey).entropy == pytest.approx(8, abs=0.01)


def test_no_pixels_have_no_quality() -> None:
    with pytest.raises(BadValue, match="rows and columns"):
        quality(np.zeros((0, 4), np.uint8))


def test_what_stands_apart_is_odd_and_a_missing_value_is_not() -> None:
    values = [1, 1.1, 0.9, 1.05, 9, math.nan, -8]
    assert odd(values).tolist() == [False] * 4 + [True, False, True]
    assert odd(values, low=False).tolist() == [False] * 4 + [True, False, False]
    assert not odd([3, 3, 3, 3]).any()
    assert odd([3] * 20 + [4]).tolist() == [False] * 20 + [True]
    assert not odd([1, 2]).any()


# -- balance


def test_classes_are_counted_by_object_and_by_sample() -> None:
    found = balances.balance([1, 1, 2, 3, 3], pa.array(["car", "car", "car", "bus", None]))
    assert found.values == ("car", "bus")
    assert found.objects.tolist() == [3, 1]
    assert found.samples.tolist() == [2, 1]
    assert found.imbalance == 3
    assert 0 < found.evenness < 1


def test_a_sample_is_drawn_as_often_as_its_rarest_class_asks() -> None:
    label = pa.array(["car"] * 100 + ["bus"] * 4)
    plan = balances.rebalancing_plan(np.append(np.arange(100), [0, 1, 2, 3]), label, threshold=0.25)
    assert plan.repeat[:4].tolist() == [2.5] * 4  # sqrt(0.25 / 0.04)
    assert plan.repeat[4:].tolist() == [1.0] * 96
    assert dict(zip(plan.classes, plan.after.tolist(), strict=True)) == {"car": 106.0, "bus": 10.0}
    assert plan.target == 52
    assert plan.missing.tolist() == [0, 48]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "c"]))))
def test_a_plan_never_draws_a_sample_less_than_once(rows: list[tuple[int, str]]) -> None:
    plan = balances.rebalancing_plan([s for s, _ in rows], pa.array([v for _, v in rows], pa.string()), samples=[77])
    assert (plan.repeat >= 1).all()
    assert 77 in plan.sample
    assert (plan.after >= plan.before - 1e-9).all()


def test_a_threshold_outside_its_range_is_refused() -> None:
    with pytest.raises(BadValue, match="threshold"):
        balances.rebalancing_plan([1], pa.array(["a"]), threshold=0)
