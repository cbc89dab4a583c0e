"""MOT challenge: truth, results, and both ways in which frames come."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import kitti, mot, yolo
from loopline.kernel.schema import Column, DatasetSchema, LabelField
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import files_in, plain, read, told, written

GT = """1,1,912,484,97,109,0,7,1
1,2,1338,418,167.5,379,1,1,0.25
2,2,1342,417,168,380,1,1,1
"""
INI = """[Sequence]
name=MOT17-02
imDir=img1
frameRate=30
seqLength=600
imWidth=1920
imHeight=1080
imExt=.jpg
"""


def sequence(
    base: Path, name: str = "MOT17-02", gt: str | None = GT, det: str | None = None, frames: int = 0, ini: str = INI
) -> Path:
    folder = base / name
    (folder / "gt").mkdir(parents=True)
    if gt is not None:
        (folder / "gt" / "gt.txt").write_text(gt)
    if det is not None:
        (folder / "det").mkdir()
        (folder / "det" / "det.txt").write_text(det)
    (folder / "seqinfo.ini").write_text(ini.replace("MOT17-02", name))
    for number in range(1, frames + 1):
        (folder / "img1").mkdir(exist_ok=True)
        (folder / "img1" / f"{number:06d}.jpg").touch()
    return folder


def test_a_sequence_without_pictures_is_one_video_with_frames_from_0(tmp_path: Path) -> None:
    store = read(mot.FORMAT, sequence(tmp_path / "train"))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {
        "MOT17-02": {
            "media": "video",
            "width": 1920,
            "height": 1080,
            "fps": 30.0,
            "frame_count": 600,
            "duration_s": 20.0,
            "split": "train",
        }
    }
    assert objects["ground_truth"]["MOT17-02"] == [
        {
            "label": "static_person",
            "frame": 0,
            "track_id": 1,
            "x": 912,
            "y": 484,
            "w": 97,
            "h": 109,
            "considered": False,
            "visibility": 1.0,
        },
        {
            "label": "pedestrian",
            "frame": 0,
            "track_id": 2,
            "x": 1338,
            "y": 418,
            "w": 167.5,
            "h": 379,
            "considered": True,
            "visibility": 0.25,
        },
        {
            "label": "pedestrian",
            "frame": 1,
            "track_id": 2,
            "x": 1342,
            "y": 417,
            "w": 168,
            "h": 380,
            "considered": True,
            "visibility": 1.0,
        },
    ]


def test_a_sequence_with_pictures_is_one_sample_a_picture(tmp_path: Path) -> None:
    sequence(tmp_path, frames=3)
    store = read(mot.FORMAT, tmp_path)
    rows, objects = plain(store)
    assert rows["MOT17-02/img1/000002.jpg"] == {"width": 1920, "height": 1080, "sequence": "MOT17-02", "frame_index": 1}
    assert {p: [o["track_id"] for o in found] for p, found in objects["ground_truth"].items()} == {
        "MOT17-02/img1/000001.jpg": [1, 2],
        "MOT17-02/img1/000002.jpg": [2],
    }
    assert "frame" not in objects["ground_truth"]["MOT17-02/img1/000002.jpg"][0]
    written(mot.FORMAT, store, tmp_path / "out")
    assert (tmp_path / "out" / "MOT17-02" / "gt" / "gt.txt").read_text() == GT
    assert "seqLength=3\n" in (tmp_path / "out" / "MOT17-02" / "seqinfo.ini").read_text()


def test_results_have_scores_and_go_to_the_sequences_they_belong_to(tmp_path: Path) -> None:
    sequence(tmp_path / "set", det="1,-1,10,20,30,40,0.5,-1,-1,-1\n")
    (tmp_path / "tracker").mkdir()
    (tmp_path / "tracker" / "MOT17-02.txt").write_text("3,7,10,20,30,40,-1,-1,-1,-1\n")
    found = read(mot.FORMAT, tmp_path / "set", labels="results")
    assert found.objects["ground_truth"][0]["score"] == 0.5
    assert found.objects["ground_truth"][0].get("track_id") is None
    tracks = read(mot.FORMAT, tmp_path / "tracker", sequences=tmp_path / "set")
    assert (tracks.rows[0]["path"], tracks.rows[0]["root"]) == ("MOT17-02", str(tmp_path / "set"))
    assert tracks.objects["ground_truth"][0]["track_id"] == 7
    written(mot.FORMAT, tracks, tmp_path / "out")
    assert (tmp_path / "out" / "MOT17-02.txt").read_text() == "3,7,10,20,30,40,-1,-1,-1,-1\n"
    with pytest.raises(FormatError, match='labels="truth"'):
        read(mot.FORMAT, tmp_path / "set", labels="truth")


def test_a_set_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    sequence(tmp_path / "in" / "train", "A")
    sequence(tmp_path / "in" / "test", "B", gt="")
    store = read(mot.FORMAT, tmp_path / "in")
    assert written(mot.FORMAT, store, tmp_path / "out").lost == {}
    again = read(mot.FORMAT, tmp_path / "out")
    assert plain(again) == plain(store)
    assert again.schema == store.schema
    before = files_in(tmp_path / "out")
    assert before["train/A/gt/gt.txt"].decode() == GT
    written(mot.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == before


def test_the_shared_sequence_has_the_counts_of_its_readme(shared_data: Path) -> None:
    folder = shared_data / "mot" / "TUD-Campus"
    assert mot.FORMAT.sniff(folder) is not None
    truth = read(mot.FORMAT, folder)
    rows = truth.objects["ground_truth"]
    assert (len(truth.rows), len(rows), len({r["track_id"] for r in rows}), len({r["frame"] for r in rows})) == (
        1,
        359,
        8,
        71,
    )
    results = read(mot.FORMAT, folder / "test.txt", name="tracker")
    assert len(results.objects["tracker"]) == 222
    assert (results.rows[0]["path"], results.rows[0]["root"]) == (truth.rows[0]["path"], truth.rows[0]["root"])


eighths = st.integers(-800, 8000).map(lambda n: n / 8)


@st.composite
def tracks(draw) -> MemoryStore:
    rows, objects = [], []
    for number, name in enumerate(draw(st.lists(st.sampled_from(["a", "b c", "ü"]), unique=True, min_size=1)), start=1):
        rows.append(
            {"id": number, "path": name, "media": "video", "width": 1920, "height": 1080, "tags": [], "root": ""}
        )
        keys = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), unique=True, max_size=5).map(sorted))
        for frame, track in keys:
            box = {"x": draw(eighths), "y": draw(eighths), "w": abs(draw(eighths)), "h": abs(draw(eighths))}
            own = {"considered": draw(st.booleans()), "visibility": draw(st.integers(0, 8)) / 8}
            place = {"id": len(objects) + 1, "sample_id": number, "frame": frame, "track_id": track, "tags": []}
            objects.append({**place, **box, **own, "label": draw(st.sampled_from(list(mot.CLASSES.values())))})
    own_columns = (Column("considered", "bool"), Column("visibility", "float"))
    label_field = LabelField("ground_truth", "box", tuple(mot.CLASSES.values()), own_columns)
    return MemoryStore(DatasetSchema((), (label_field,)), rows, {"ground_truth": objects})


@settings(max_examples=25, deadline=None)
@given(tracks())
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store: MemoryStore) -> None:
    target = tmp_path_factory.mktemp("mot") / "out"
    assert written(mot.FORMAT, store, target).lost == {}
    assert plain(read(mot.FORMAT, target)) == plain(store)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    rows = "\ufeff1,1,1,2,3,4,1,1,1\r\n\r\n0,1,1,2,3,4\r\n1.5,1,1,2,3,4\r\n2,1,nan,2,3,4\r\n2,1,1e99,2,3,4\r\n2,1,1\r\n2,1,1,2,-3,4\r\n"
    rows += "1,1,1,2,3,4,1,1,1\r\n3,1,-50,2,9999,4,1,99,1\r\n4,1,5,5,0,4\r\nx,1,1,2,3,4\r\n"
    folder = sequence(
        tmp_path, gt=rows, ini="[Sequence]\nimDir=../../..\nimWidth=1920\nimHeight=1080\nframeRate=%(x)s\n"
    )
    store = read(mot.FORMAT, folder)
    assert told(store.problems) == [
        ("skipped", "a frame below 1, or a frame or track that is not a whole number"),
        ("skipped", "a frame below 1, or a frame or track that is not a whole number"),
        ("skipped", "a coordinate is not finite"),
        ("skipped", "a coordinate is larger than any picture"),
        ("skipped", "a row of 3 columns"),
        ("skipped", "a box of negative size"),
        ("warning", "a track is twice in one frame; both are kept"),
        ("warning", "a shape that reaches outside the picture"),
        ("warning", "a box without area"),
        ("skipped", "the frame is missing or not a number"),
    ]
    assert store.problems[0].where == "MOT17-02/gt/gt.txt:3"
    assert [row["label"] for row in store.objects["ground_truth"]] == [
        "pedestrian",
        "pedestrian",
        "class_99",
        "pedestrian",
    ]
    (folder / "gt" / "gt.txt").unlink()
    (folder / "gt" / "gt.txt").symlink_to("/etc/hostname")
    assert told(read(mot.FORMAT, folder).problems) == [("skipped", "a link that leads out of the folder")]


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(mot.FORMAT, sequence(tmp_path / "in"))
    first, second, third = store.objects["ground_truth"]
    first |= {"label": "dog", "score": 0.5}
    second["polygons"] = [[1.0, 2, 3, 4, 5, 6]]
    third["frame"] = None
    store.rows.append({"id": 2, "path": "a.jpg", "tags": [], "media": "image"})
    done = written(mot.FORMAT, store, tmp_path / "out")
    assert done.lost == {
        "classes without a MOT number, numbered from 14": 1,
        "labels of no frame": 1,
        "pictures of no sequence": 1,
        "polygons": 1,
        "scores": 1,
    }
    assert (done.samples, done.objects) == (1, 2)


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "a")
    assert mot.FORMAT.sniff(tmp_path / "a") is not None
    assert mot.FORMAT.sniff(folder / "gt" / "gt.txt") is not None
    assert kitti.FORMAT.sniff(tmp_path / "a") is None
    assert yolo.FORMAT.sniff(tmp_path / "a") is None
    other = tmp_path / "b" / "labels"
    other.mkdir(parents=True)
    (other / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert mot.FORMAT.sniff(tmp_path / "b") is None
    with pytest.raises(FormatError, match="no sequence"):
        read(mot.FORMAT, tmp_path / "b")
