"""Pictures as a network takes them, and points on the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import MediaError
from loopline.models import inputs
from loopline.models.inputs import Input, prepare
from loopline.models.pictures import crop, picture_from_file, picture_of
from loopline.models.protocol import f32

RULES = ["stretch", "letterbox", "corner", "short_side_crop", "pad"]


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RULES), st.integers(2, 90), st.integers(2, 90))
def test_a_point_goes_to_the_tensor_and_back(rule: str, width: int, height: int) -> None:
    made = prepare(picture_of(noise(width, height)), Input(width=32, height=24, resize=rule))  # type: ignore[arg-type]
    at = made.placement
    point = f32([width / 2, height / 2])
    there = point * f32([at.scale_x, at.scale_y]) + f32([at.offset_x, at.offset_y])
    assert at.picture_from_tensor(there) == pytest.approx(point, abs=1e-3)
    shape = made.tensor.shape
    assert shape[0] == 3
    assert shape[1:] == (24, 32) if rule != "pad" else (shape[1] % 32, shape[2] % 32) == (0, 0)
    assert -1 <= there[0] <= shape[2] + 1
    assert -1 <= there[1] <= shape[1] + 1


@pytest.mark.parametrize(("rule", "left", "top"), [("letterbox", 0, 8), ("corner", 0, 0)])
def test_a_box_round_the_picture_has_the_padding_s_colour(rule: str, left: int, top: int) -> None:
    spec = Input(width=32, height=32, resize=rule, pad_value=7)  # type: ignore[arg-type]
    made = prepare(picture_of(np.full((8, 16, 3), 200, np.uint8)), spec)
    assert (made.tensor == 7).sum() == 3 * 32 * 16
    assert made.tensor[0, top, left] == 200
    assert (made.placement.offset_x, made.placement.offset_y) == (left, top)


def test_numbers_are_normalised_in_the_order_of_the_colours() -> None:
    red = picture_of(np.broadcast_to(np.array([255, 0, 10], np.uint8), (4, 4, 3)))
    spec = Input(width=4, height=4, colour="bgr", mean=(10, 0, 5), std=(1, 1, 50))
    assert prepare(red, spec).tensor[:, 0, 0].tolist() == [0, 0, 5]
    last = Input(width=4, height=4, layout="nhwc", mean=(127,), std=(128,))
    assert prepare(red, last).tensor[0, 0] == pytest.approx([1, -127 / 128, -117 / 128])


@pytest.mark.parametrize("size", [(352, 352), (13, 40), (64, 9), (90, 70)])
@pytest.mark.parametrize("way", ["area", "linear"])
def test_our_resizing_agrees_with_opencv(size: tuple[int, int], way: str) -> None:
    """The second opinion: it may round otherwise, by one."""
    cv2 = pytest.importorskip("cv2")
    rgb = noise(480, 360)
    if way == "area":
        ours, theirs = inputs._mean_of_area(rgb, *size), cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    else:
        ours, theirs = inputs._of_four(rgb, *size), cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours.astype(int) - theirs).max() <= (2 if way == "linear" else 1)


def test_a_crop_lies_inside_the_picture_and_has_a_pixel() -> None:
    picture = picture_of(noise(20, 10))
    assert crop(picture, 2, 3, 5, 4).rgb.shape == (4, 5, 3)
    assert crop(picture, -5, -5, 100, 100).rgb.shape == (10, 20, 3)
    assert crop(picture, 19.9, 9.9, 0, 0).rgb.shape == (1, 1, 3)
    assert crop(picture, 500, 500, 3, 3).rgb.shape == (1, 1, 3)


def test_pictures_of_every_mode_become_rgb(tmp_path) -> None:  # type: ignore[no-untyped-def]
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "cmyk.jpg")
    Image.new("P", (8, 8)).save(tmp_path / "palette.png")
    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    Image.new("RGBA", (8, 8), (9, 8, 7, 0)).save(tmp_path / "clear.png")
    turned = Image.Exif()
    turned[274] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=turned)
    found = {file.stem: picture_from_file(file) for file in tmp_path.iterdir()}
    assert all(p.rgb.dtype == np.uint8 and p.rgb.shape == (p.height, p.width, 3) for p in found.values())
    assert (found["turned"].width, found["turned"].height) == (4, 8)
    assert found["deep"].rgb[7, 7].tolist() == [245] * 3
    assert found["cmyk"].rgb[0, 0].tolist() == [255] * 3
    assert found["bits"].rgb[0, 0].tolist() == [255] * 3
    assert found["clear"].rgb[0, 0].tolist() == [9, 8, 7]


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "is empty"), (b"no picture", "not a picture"), (b"\xff\xd8\xff\xe0", "decoded|header")]
)
def test_a_file_that_is_no_picture_is_a_media_error(tmp_path, content: bytes, what: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    with pytest.raises(MediaError, match=what) as error:
        picture_from_file(file)
    assert error.value.where == str(file)
