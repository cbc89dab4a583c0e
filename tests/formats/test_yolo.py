"""YOLO: what the files say comes in, in pixels, and goes out as the same numbers."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import _yolo_text, voc, yolo
from loopline.formats._yolo_write import joined
from loopline.kernel.exchange import Source
from loopline.media.sizes import picture_sizes
from tests.formats.memory_store import MemoryStore

ROW = "0 0.5 0.5 0.2 0.4"


def picture(file: Path, width: int = 40, height: int = 20, **options: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(file, **options)


def plant(folder: Path, **files: str | bytes | None) -> Path:
    """Files by path; None is a 40 x 20 picture. `__` in a name is a slash, `_dot_` a point."""
    for name, content in files.items():
        file = folder / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            picture(file)
        else:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def load(path: Path, **options: Any) -> MemoryStore:
    media = options.pop("media", None)
    return MemoryStore.of(yolo.read(Source(path, media=media), **options))


def boxes(store: MemoryStore) -> list[tuple[Any, ...]]:
    paths = {r["id"]: r["path"] for r in store.rows}
    return [
        (paths[o["sample_id"]], o["label"], *(round(o[n], 6) for n in "xywh"))
        for o in store.objects.get("ground_truth", [])
    ]


def kinds(store: MemoryStore) -> Counter[str]:
    return Counter(p.what for p in store.problems)


def test_shares_become_pixels_of_the_picture(tmp_path: Path) -> None:
    store = load(
        plant(tmp_path, data_dot_yaml="train: images\nnames: [cat]", images__a_dot_jpg=None, labels__a_dot_txt=ROW)
    )
    assert boxes(store) == [("images/a.jpg", "cat", 16.0, 6.0, 8.0, 8.0)]
    assert [(r["width"], r["height"], r["split"]) for r in store.rows] == [(40, 20, "train")]
    assert not store.problems


def test_a_turned_picture_has_the_size_that_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    plant(tmp_path, data_dot_yaml="train: images\nnames: [cat]", labels__a_dot_txt=ROW)
    picture(tmp_path / "images" / "a.jpg", exif=exif)
    assert boxes(load(tmp_path)) == [("images/a.jpg", "cat", 8.0, 12.0, 4.0, 16.0)]


@pytest.mark.parametrize(
    ("stated", "files"),
    [
        ("train: images/train\nval: images/val", ("images/train/a.jpg", "labels/train/a.txt", "images/val/b.jpg", "labels/val/b.txt")),
        ("train: ../train/images\nval: ../valid/images", ("train/images/a.jpg", "train/labels/a.txt", "valid/images/b.jpg", "valid/labels/b.txt")),
        ("path: /home/me/sets/x\ntrain: [images/train]\nval: ['images\\val']", ("images/train/a.jpg", "labels/train/a.txt", "images/val/b.jpg", "labels/val/b.txt")),
        ("path: C:\\sets\\set\ntrain: C:\\sets\\set\\t\nval: v", ("t/a.jpg", "t/a.txt", "v/b.jpg", "v/b.txt")),
        ("train: train.txt\nval: val.txt", ("images/a.jpg", "labels/a.txt", "images/b.jpg", "labels/b.txt")),
    ],
)  # fmt: skip
def test_all_splits_of_every_layout_come_in_one_call(tmp_path: Path, stated: str, files: tuple[str, ...]) -> None:
    (tmp_path / "data.yaml").write_text(f"{stated}\nnames:\n  0: cat\n")
    for name in files:
        if name.endswith(".jpg"):
            picture(tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(ROW)
    (tmp_path / "train.txt").write_text("./images/a.jpg\r\n")
    (tmp_path / "val.txt").write_text("/data/elsewhere/images/b.jpg\n")
    store = load(tmp_path / "data.yaml")
    assert [(r["path"], r["split"]) for r in store.rows] == [(files[0], "train"), (files[2], "val")]
    assert len(boxes(store)) == 2
    assert not [p for p in store.problems if p.kind == "skipped"]


def test_a_folder_without_yaml_has_its_names_in_classes_txt_and_its_splits_in_folder_names(tmp_path: Path) -> None:
    plant(
        tmp_path, train__images__a_dot_jpg=None, train__labels__a_dot_txt=ROW, valid__images__b_dot_jpg=None,
        valid__labels__b_dot_txt="1" + ROW[1:], classes_dot_txt="\ufeffcat\r\ndog\r\n",
    )  # fmt: skip
    store = load(tmp_path)
    assert [b[1] for b in boxes(store)] == ["cat", "dog"]
    assert [r["split"] for r in store.rows] == ["train", "val"]
    assert not store.problems


def test_class_names_are_never_guessed(tmp_path: Path) -> None:
    store = load(plant(tmp_path, a_dot_jpg=None, a_dot_txt=ROW + "\n7" + ROW[1:]))
    assert [b[1] for b in boxes(store)] == ["0", "7"]
    assert store.schema.field("ground_truth").classes == tuple("01234567")
    assert kinds(store) == {'no file names the classes; they are called "0", "1", ...': 1}


def test_a_class_named_no_stays_text_and_ids_may_have_gaps(tmp_path: Path) -> None:
    store = load(
        plant(tmp_path, data_dot_yaml="train: .\nnames: {3: no, 10: 1e3}", a_dot_jpg=None, a_dot_txt="10" + ROW[1:])
    )
    assert store.schema.field("ground_truth").classes == ("no", "1e3")
    assert [b[1] for b in boxes(store)] == ["1e3"]


def test_outlines_keep_their_points_and_plain_boxes_among_them_stay_boxes(tmp_path: Path) -> None:
    plant(
        tmp_path,
        data_dot_yaml="train: .\nnames: [cat]",
        a_dot_jpg=None,
        a_dot_txt=f"0 0 0 0.5 0 0.5 1\n{ROW}\n0 0 0 1 0 1 1 0.75",
    )
    store = load(tmp_path)
    first, second, third = store.objects["ground_truth"]
    assert first["polygons"] == [[0, 0, 20, 0, 20, 20]]
    assert [first[n] for n in "xywh"] == [0, 0, 20, 20]
    assert second["polygons"] is None
    assert [second[n] for n in "xywh"] == [16, 6, 8, 8]
    assert (third["polygons"], third["score"]) == ([[0, 0, 40, 0, 40, 20]], 0.75)


@pytest.mark.parametrize("dims", [2, 3])
def test_poses_have_keypoints_of_two_or_three_numbers(tmp_path: Path, dims: int) -> None:
    points = "0.1 0.1 2 0 0 0" if dims == 3 else "0.1 0.1 0 0"
    plant(tmp_path, data_dot_yaml=f"train: .\nkpt_shape: [2, {dims}]\nflip_idx: [1, 0]\nnames: [cat]", a_dot_jpg=None, a_dot_txt=f"{ROW} {points}")  # fmt: skip
    store = load(tmp_path)
    assert store.objects["ground_truth"][0]["keypoints"] == [4, 2, 2, 0, 0, 0]
    assert store.schema.field("ground_truth").meta["yolo"]["kpt_shape"] == [2, dims]


def test_poses_are_known_by_their_flags_where_no_yaml_tells(tmp_path: Path) -> None:
    store = load(plant(tmp_path, a_dot_jpg=None, a_dot_txt=f"{ROW} 0.1 0.1 2 0.3 0.3 1 0 0 0"))
    assert store.schema.field("ground_truth").meta["yolo"]["task"] == "pose"


def test_rows_of_four_corners_are_turned_boxes(tmp_path: Path) -> None:
    plant(tmp_path, data_dot_yaml="train: .\nnames: [cat]", a_dot_txt="0 0.6 0.25 0.6 0.75 0.4 0.75 0.4 0.25 0.5")
    picture(tmp_path / "a.png", 100, 100)
    (row,) = load(tmp_path).objects["ground_truth"]
    assert [round(row[n], 9) for n in ("x", "y", "w", "h", "rotation", "score")] == [25, 40, 50, 20, 90, 0.5]


def test_rows_of_four_corners_are_outlines_if_the_user_says_so(tmp_path: Path) -> None:
    plant(tmp_path, a_dot_jpg=None, a_dot_txt="0 0 0 1 0 1 1 0 1")
    (row,) = load(tmp_path, task="segment").objects["ground_truth"]
    assert "rotation" not in row
    assert row["polygons"] == [[0, 0, 40, 0, 40, 20, 0, 20]]


def test_a_sixth_number_is_the_score(tmp_path: Path) -> None:
    store = load(plant(tmp_path, a_dot_jpg=None, a_dot_txt=f"{ROW} 0.25\n{ROW}"))
    assert [o["score"] for o in store.objects["ground_truth"]] == [0.25, None]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("cat 0.5 0.5 0.1 0.1", "a row with something else than numbers"),
        ("0 0.5 0.5 0.1 nan", "a row with a number that is not finite"),
        ("0 0.5 0.5 1e400 0.1", "a row with a number that is not finite"),
        ("0 0.5 0.5 0.1", "a row whose count of numbers is not that of detect labels"),
        ("0.5 0.5 0.5 0.1 0.1", "a class that is no whole number from 0 on"),
        ("-1 0.5 0.5 0.1 0.1", "a class that is no whole number from 0 on"),
        ("0 120 80 30 30", "coordinates that are not shares of the picture (0 … 1)"),
        ("0 0.5 0.5 -0.1 0.1", "a box of negative size"),
        ("0 0.5 0.5 0.1 1_0", "a row with something else than numbers"),
        ("\xff\xfe\x00", "a row with something else than numbers"),
        ("0 0.5 0.5 0.1 0", "a box without area"),
        ("0 0.05 0.5 0.2 0.1", "a box that reaches outside the picture"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_others_arrive(tmp_path: Path, row: str, what: str) -> None:
    text = f"{ROW}\r\n\r\n{row}\r\n0\t0.5  0.5 0.2 0.4".encode("latin-1")
    store = load(plant(tmp_path, data_dot_yaml="train: .\nnames: [cat]", a_dot_jpg=None, a_dot_txt=text), task="detect")
    (problem,) = store.problems
    assert (problem.what, problem.where) == (what, "a.txt:3")
    assert len(boxes(store)) == (2 if problem.kind == "skipped" else 3)
    assert all(b[2:] == (16, 6, 8, 8) for b in (boxes(store)[0], boxes(store)[-1]))


def test_missing_things_are_named(tmp_path: Path) -> None:
    plant(
        tmp_path, data_dot_yaml="train: images\nval: nowhere\nnc: 3\nnames: [cat, cat]", images__a_dot_jpg=None,
        images__b_dot_jpg=b"no picture", labels__b_dot_txt=ROW, labels__c_dot_txt=ROW, labels__classes_dot_txt="cat",
        images__d_dot_jpg=None, labels__d_dot_txt="7" + ROW[1:],
    )  # fmt: skip
    store = load(tmp_path)
    assert kinds(store) == {
        "a picture without a label file; added without labels": 1,
        "a label file without a picture": 1,
        "a split names a folder or list that is not in the folder of the data set": 1,
        "nc is not the number of names; the names count": 1,
        "two classes have one name; the later one has its id behind it": 1,
        "labels of a picture that is missing or not readable: without its size they have no place": 1,
        'class 7 is not among the names; kept as class "7"': 1,
    }
    assert len(store.rows) == 3


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    plant(tmp_path / "out", images__s_dot_jpg=None, labels__s_dot_txt=ROW, secret_dot_txt=ROW)
    inner = plant(
        tmp_path / "in", data_dot_yaml="path: ../out\ntrain: images\nval: [../out/images, ../../out]\nnames: [cat]",
        list_dot_txt="../../out/images/s.jpg", images__a_dot_jpg=None, labels__keep_dot_txt=ROW,
    )  # fmt: skip
    (inner / "labels" / "a.txt").symlink_to(tmp_path / "out" / "secret.txt")
    (inner / "linked").symlink_to(tmp_path / "out")
    store = load(inner)
    assert [r["path"] for r in store.rows] == ["images/a.jpg"]
    assert boxes(store) == []
    assert "a link that leads out of the folder" in kinds(store)
    allowed = load(inner / "data.yaml", root=tmp_path / "out")
    assert [r["path"] for r in allowed.rows] == ["images/s.jpg"]
    assert len(boxes(allowed)) == 1


def test_a_hostile_yaml_is_refused_or_harmless(tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n"
        for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )
    plant(tmp_path, data_dot_yaml=bomb + "train: .\nnames: *i", a_dot_jpg=None, a_dot_txt=ROW)
    assert [b[1] for b in boxes(load(tmp_path))] == ["0"]
    for text in ("!!python/object/apply:os.system [x]", "- a\n- b", "a: [", "[" * 100_000, "names: a: b"):
        (tmp_path / "data.yaml").write_text(text)
        with pytest.raises(FormatError, match=r"data\.yaml"):
            load(tmp_path / "data.yaml")


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no label files"):
        load(tmp_path)
    with pytest.raises(FormatError, match="no such"):
        load(tmp_path / "absent")
    with pytest.raises(FormatError, match="kpt_shape"):
        load(plant(tmp_path, a_dot_jpg=None, a_dot_txt=ROW), task="pose")
    assert yolo.sniff(tmp_path / "absent") is None


def test_pictures_that_differ_only_in_their_kind_share_the_label_file(tmp_path: Path) -> None:
    store = load(plant(tmp_path, a_dot_jpg=None, a_dot_png=None, a_dot_txt=ROW))
    assert [b[0] for b in boxes(store)] == ["a.jpg", "a.png"]


# Writing ---------------------------------------------------------------------------------------------------------------

shares = st.integers(0, 10**6).map(lambda n: n / 10**6)
sides = st.integers(1, 10**6).map(lambda n: n / 10**6)


@st.composite
def rows(draw: st.DrawFn, task: str) -> str:
    numbers: list[float] = []
    if task in ("detect", "pose"):
        numbers = [draw(shares), draw(shares), draw(sides), draw(sides)]
    if task == "pose":
        for _ in range(3):
            numbers += [draw(shares), draw(shares), draw(st.integers(0, 2))]
    if task == "obb":
        numbers = draw(st.lists(shares, min_size=8, max_size=8))
    if task == "segment":
        numbers = [n for p in draw(st.lists(st.tuples(shares, shares), min_size=3, max_size=6)) for n in p]
    if draw(st.booleans()):
        numbers.append(draw(shares))
    return " ".join([str(draw(st.integers(0, 2))), *(f"{n:.6f}" for n in numbers)])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_writing_gives_the_numbers_that_were_read(
    tmp_path_factory: pytest.TempPathFactory, task: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    texts = data.draw(st.lists(st.lists(rows(task), max_size=3), min_size=1, max_size=3))
    splits = [data.draw(st.sampled_from(["train", "val", "test"])) for _ in texts]
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\ntest: images/test\nkpt_shape: [3, 3]\nnames: [a, b, ä]", "utf-8")  # fmt: skip
    if task != "pose":
        (folder / "data.yaml").write_text(
            "train: images/train\nval: images/val\ntest: images/test\nnames: [a, b, ä]", "utf-8"
        )
    for i, (lines, split) in enumerate(zip(texts, splits, strict=True)):
        picture(folder / "images" / split / f"{i}.png", 7 + 300 * i, 11)
        file = folder / "labels" / split / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines))
    first = load(folder, task=task)
    written = yolo.write(first, folder / "out", fields=["ground_truth"], media="link")
    assert written.lost == {}
    for i, (lines, split) in enumerate(zip(texts, splits, strict=True)):
        got = (folder / "out" / "labels" / split / f"{i}.txt").read_text().splitlines()
        assert [list(map(float, line.split())) for line in got] == [list(map(float, line.split())) for line in lines]
    again = load(folder / "out", task=task)
    assert again.objects == first.objects
    assert again.schema == first.schema
    assert [(r["path"], r["split"]) for r in again.rows] == [(r["path"], r["split"]) for r in first.rows]


def test_the_same_view_gives_the_same_bytes_and_names_do_not_collide(tmp_path: Path) -> None:
    store = load(
        plant(tmp_path / "in", a_dot_jpg=None, a_dot_png=None, a_dot_txt=ROW, classes_dot_txt="cat\nyes: no\n\u56fe")
    )
    for name in ("one", "two"):
        yolo.write(store, tmp_path / name, fields=["ground_truth"], media="copy")
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("one", "two")
    )
    assert one == two
    again = load(tmp_path / "one")
    assert sorted(r["path"] for r in again.rows) == ["images/unsplit/a.jpg", "images/unsplit/a_2.png"]
    assert again.schema.field("ground_truth").classes == ("cat", "yes: no", "图")
    assert {r["split"] for r in again.rows} == {None}


def test_what_yolo_cannot_hold_is_counted(tmp_path: Path) -> None:
    store = load(plant(tmp_path, a_dot_jpg=None, a_dot_txt=ROW, classes_dot_txt="cat"))
    store.objects["ground_truth"][0] |= {"iscrowd": True, "track_id": 3, "tags": ["x"], "polygons": [[0.0] * 6]}
    store.rows[0]["tags"] = ["y"]
    written = yolo.write(store, tmp_path / "out", fields=["ground_truth"], task="detect")
    assert written.lost == {"crowd flags": 1, "outlines": 1, "tags of objects": 1, "tags of samples": 1, "track_id": 1}
    store.rows[0]["width"] = None
    assert yolo.write(store, tmp_path / "out", fields=["ground_truth"]).lost["objects of pictures of unknown size"] == 1


def test_parts_of_an_outline_are_joined_where_they_are_nearest() -> None:
    ring = joined([[0, 0, 1, 0, 1, 1], [3, 1, 2, 1, 3, 2]])
    assert ring == [0, 0, 1, 0, 1, 1, 2, 1, 3, 2, 3, 1, 2, 1, 1, 1]


def test_bulk_parsing_agrees_with_reading_line_by_line() -> None:
    texts = [b"1 2 3\n4 5 6", b"", b"7 8\n\n9", b"x\n1 1", b" 3\t4 \r\n5"]
    rows_ = _yolo_text.parse(texts)
    got = [
        (int(t), int(n), rows_.numbers[a:b].tolist())
        for t, n, a, b in zip(rows_.text, rows_.line, rows_.offsets, rows_.offsets[1:], strict=False)
    ]
    slow = []
    for i, text in enumerate(texts):
        for n, line in enumerate(io.BytesIO(text).readlines(), 1):
            tokens = line.split()
            if tokens and b"x" not in line:
                slow.append((i, n, [float(t) for t in tokens]))
    assert got == slow
    assert rows_.bad == [(3, 1, "a row with something else than numbers")]


# Real sets ---------------------------------------------------------------------------------------------------------------


def test_coco128_has_the_counts_and_quirks_of_its_readme(shared_data: Path) -> None:
    store = load(shared_data / "coco128" / "labels_yolo_boxes")
    assert (len(store.rows), len(boxes(store))) == (128, 929)
    assert kinds(store)["a picture without a label file; added without labels"] == 2
    assert kinds(store)["a label file without a picture"] == 2
    outlines = load(shared_data / "coco128" / "labels_yolo_polygons")
    ids = {int(c) for c in outlines.schema.field("ground_truth").classes}
    assert max(ids) > 79  # COCO category ids, not places 0..79


def test_face_mask_agrees_with_its_boxes_but_for_the_shift_that_is_in_the_files(shared_data: Path) -> None:
    store = load(shared_data / "face_mask" / "labels_yolo")
    assert len(boxes(store)) == 2976
    assert Counter(b[1] for b in boxes(store)) == {"0": 545, "1": 2350, "2": 81}


@pytest.mark.parametrize("name", ["bccd", "face_mask"])
def test_boxes_of_voc_go_through_yolo_unchanged(tmp_path: Path, shared_data: Path, name: str) -> None:
    before = MemoryStore.of(voc.read(Source(shared_data / name)))
    sizes = picture_sizes([f"{r['root']}/{r['path']}" for r in before.rows])
    for row, (width, height) in zip(before.rows, sizes.tolist(), strict=True):
        row |= {"width": width, "height": height}
    written = yolo.write(before, tmp_path, fields=["ground_truth"], media="link")
    assert all(lost.startswith(("attribute ", "column ")) for lost in written.lost)
    found = [sorted((Path(p).name, *rest) for p, *rest in boxes(store)) for store in (before, load(tmp_path))]
    assert found[0] == found[1]


def test_supervision_reads_what_we_write(tmp_path: Path, shared_data: Path) -> None:
    supervision = pytest.importorskip("supervision", reason="a second reader")
    store = load(shared_data / "coco128" / "labels_yolo_boxes")
    yolo.write(store, tmp_path, fields=["ground_truth"], media="link")
    theirs = supervision.DetectionDataset.from_yolo(
        str(tmp_path / "images" / "unsplit"), str(tmp_path / "labels" / "unsplit"), str(tmp_path / "data.yaml")
    )
    got = sorted(
        (Path(name).name, theirs.classes[c], *(round(float(v), 1) for v in (x, y, x1 - x, y1 - y)))
        for name, _, found in theirs
        for (x, y, x1, y1), c in zip(found.xyxy, found.class_id, strict=True)
    )
    mine = sorted((Path(p).name, label, *(round(v, 1) for v in box)) for p, label, *box in boxes(store))
    assert len(got) == len(mine) == 929
    for a, b in zip(got, mine, strict=True):
        assert a[:2] == b[:2]
        assert a[2:] == pytest.approx(b[2:], abs=0.21)
