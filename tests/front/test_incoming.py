"""Data sets that come in an archive, or over the network."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import loopline as ll
from loopline.errors import FormatError, MediaError
from loopline.front.incoming import incoming
from loopline.front.placing import place_of
from loopline.jobs import SILENT, StopSignal
from loopline.media import local_media, open_media, remote
from loopline.media.remembered import remembered
from tests.services import S3Server


def coco(folder: Path, names: tuple[str, ...] = ("night/a b.png", "b.png", "gone.png"), base: str = "") -> Path:
    """A COCO set whose last picture is missing."""
    for number, name in enumerate(names[:-1]):
        file = folder / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6 + number), (number, 0, 7)).save(file)
    urls = {name: f"{base}/images/{name}".replace(" ", "%20") for name in names}
    document = {
        "images": [{"id": n, "file_name": name, "coco_url": urls[name]} for n, name in enumerate(names)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 2, 2]} for n in range(len(names))],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return folder


def packed(folder: Path, target: Path, inside: str = "") -> Path:
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as out:
            for file in files:
                out.write(file, f"{inside}{file.relative_to(folder).as_posix()}")
    else:
        with tarfile.open(target, "w:gz" if target.suffix == ".tgz" else "w") as out:  # type: ignore[call-overload]
            for file in files:
                out.add(file, f"{inside}{file.relative_to(folder).as_posix()}")
    return target


def places(ds: ll.Dataset) -> list[tuple[str, str]]:
    table = ds.view().to_arrow(["root", "path"])
    return list(zip(table["root"].to_pylist(), table["path"].to_pylist(), strict=True))


def sizes(ds: ll.Dataset) -> list[int | None]:
    return ds.view().to_arrow(["height"])["height"].to_pylist()


def leftovers(ds: ll.Dataset) -> list[str]:
    folder = ds.lake.location.cache / "incoming"
    return [entry.name for entry in folder.iterdir()] if folder.exists() else []


def content(ds: ll.Dataset, row: int = 0) -> bytes:
    with open_media(*places(ds)[row], cache=ds.lake.location.cache) as file:
        return file.read()


@pytest.mark.parametrize("ending", ["zip", "tar"])
@pytest.mark.parametrize("inside", ["", "my set/"])
def test_pictures_in_an_archive_are_read_where_they_are(tmp_path: Path, ending: str, inside: str) -> None:
    archive = packed(coco(tmp_path / "in"), tmp_path / f"export.{ending}", inside)
    ds = ll.create(tmp_path / "set")
    found = ds.preview(archive)
    assert (found.samples, found.missing, found.objects) == (3, 1, {"ground_truth": 3})
    report = ds.add(archive)
    assert (report.samples_added, report.unreadable, dict(report.objects_added)) == (3, 1, {"ground_truth": 3})
    root = f"{archive}/{inside}images"
    assert places(ds) == [(root, "night/a b.png"), (root, "b.png"), (root, "gone.png")]
    assert sizes(ds)[:2] == [6, 7]
    assert content(ds) == (tmp_path / "in/images/night/a b.png").read_bytes()
    assert leftovers(ds) == []
    assert not (tmp_path / "set" / "media").exists()
    again = ds.add(archive)
    assert (again.samples_added, again.samples_known, sum(again.objects_added.values())) == (0, 3, 0)


@pytest.mark.parametrize(("ending", "media"), [("zip", "copy"), ("tar", "copy"), ("tgz", "copy"), ("tgz", "reference")])
def test_pictures_of_an_archive_can_be_the_data_sets_own(tmp_path: Path, ending: str, media: ll.front.own_media.Keep) -> None:  # fmt: skip
    archive = packed(coco(tmp_path / "in"), tmp_path / f"export.{ending}")
    ds = ll.create(tmp_path / "set")
    report = ds.add(archive, media=media)
    assert (report.samples_added, report.unreadable) == (3, 1)
    assert ("were copied into the data set" in str(report.counts)) == (media == "reference")
    assert ds.add(archive, media=media).samples_added == 0
    archive.unlink()
    assert content(ds) == (tmp_path / "in/images/night/a b.png").read_bytes()
    assert Path(places(ds)[0][0]).is_relative_to(tmp_path / "set/media")
    assert places(ds)[2] == (f"{archive}/images", "gone.png")  # where it would have been
    assert leftovers(ds) == []


def test_labels_and_pictures_may_lie_apart(tmp_path: Path) -> None:
    folder = coco(tmp_path / "in")
    labels = packed(folder, tmp_path / "labels.zip")
    pictures = packed(folder / "images", tmp_path / "pictures.zip", "pictures/")
    for number, (path, file) in enumerate(
        [
            (folder / "images", labels),
            (pictures, folder / "labels.json"),
            (pictures, labels),
            (labels / "images", labels / "labels.json"),
        ]
    ):
        ds = ll.create(tmp_path / f"set{number}")
        report = ds.add(path, labels=file)
        assert (report.samples_added, report.unreadable) == (3, 1), number
        assert sizes(ds)[:2] == [6, 7]


@pytest.mark.parametrize("name", ["coco", "webdataset"])
def test_pictures_in_an_archive_go_out_again(tmp_path: Path, name: str) -> None:
    archive = packed(coco(tmp_path / "in"), tmp_path / "export.zip")
    ds = ll.create(tmp_path / "set")
    ds.add(archive)
    written = ds.export(tmp_path / "out", format=name, media="copy" if name == "coco" else None)
    assert sum(written.lost.values()) == 1  # the missing one
    other = ll.create(tmp_path / "other")
    other.add(tmp_path / "out")
    assert content(other) == (tmp_path / "in/images/night/a b.png").read_bytes()
    if name == "coco":
        linked = ds.export(tmp_path / "links", format=name, media="link")
        assert linked.lost == {"pictures in an archive, not linked": 3}


def test_links_into_an_archive_are_refused(tmp_path: Path) -> None:
    archive = packed(coco(tmp_path / "in"), tmp_path / "export.zip")
    ds = ll.create(tmp_path / "set")
    with pytest.raises(FormatError, match="cannot be linked to") as error:
        ds.add(archive, media="link")
    assert error.value.where == f"{archive}/images"
    assert leftovers(ds) == []


def test_faults_are_told_in_places_that_the_user_knows(tmp_path: Path) -> None:
    folder = coco(tmp_path / "in")
    document = json.loads((folder / "labels.json").read_text())
    document["annotations"].append({"id": 99, "image_id": 77, "category_id": 1, "bbox": [1, 1, 2, 2]})
    (folder / "labels.json").write_text(json.dumps(document))
    (folder / "other.json").write_text(json.dumps(document))
    ds = ll.create(tmp_path / "set")
    archive = packed(folder, tmp_path / "export.zip")
    with pytest.raises(FormatError, match="2 COCO files") as error:
        ds.add(archive)
    assert error.value.where == str(archive)
    report = ds.add(archive / "other.json")
    assert report.skipped == 1
    assert not [p for p in report.problems if "incoming" in p.where + p.hint + p.what]
    with pytest.raises(FormatError, match="no such file or folder in the archive"):
        ds.add(archive / "none.json")
    assert leftovers(ds) == []


def test_a_bomb_adds_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.png", bytes(3 << 20))
    ds = ll.create(tmp_path / "set")
    with pytest.raises(FormatError, match="more than 1,000,000 bytes"):
        ds.add(archive, unpack_limit=1_000_000)
    assert (ds.count(), leftovers(ds)) == (0, [])


def test_what_a_killed_import_left_is_removed_by_the_next(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    cache = ds.lake.location.cache
    archive = packed(coco(tmp_path / "in"), tmp_path / "export.zip")
    code = """
import os, sys
from pathlib import Path
from loopline.front.incoming import incoming
from loopline.jobs import SILENT, StopSignal
with incoming(Path(sys.argv[1]), sys.argv[2], None, progress=SILENT, stop=StopSignal()) as found:
    print(found.path, flush=True)
    os._exit(9)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(cache), str(archive)], check=False, capture_output=True, text=True
    )
    left = Path(ran.stdout.strip())
    assert ran.returncode == 9
    assert (left / "labels.json").exists()
    with incoming(cache, str(archive), None, progress=SILENT, stop=StopSignal()) as other:
        assert not left.exists()
        ds.add(archive)
        assert (other.path / "labels.json").exists()  # one that is still running keeps its own
    assert leftovers(ds) == []


def test_pictures_beside_packed_labels_stay_where_they_are(tmp_path: Path) -> None:
    folder = coco(tmp_path / "in")
    labels = packed(folder, tmp_path / "labels.tgz")
    ds = ll.create(tmp_path / "set")
    report = ds.add(folder / "images", labels=labels)
    assert report.unreadable == 1
    assert "were copied" not in str(report.counts)
    assert places(ds)[0] == (str(folder / "images"), "night/a b.png")


def test_pictures_that_a_table_holds_come_into_the_data_set(tmp_path: Path) -> None:
    rows = []
    for number in range(2):
        file = io.BytesIO()
        Image.new("RGB", (9, 8), (number, 0, 0)).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": f"{number}.png"})
    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    table = pa.table({"image": rows, "label": [0, 1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (tmp_path / "in/data").mkdir(parents=True)
    pq.write_table(table, tmp_path / "in/data/train-00000-of-00001.parquet")
    ds = ll.create(tmp_path / "set")
    assert (ds.add(tmp_path / "in").unreadable, ds.add(tmp_path / "in").samples_added) == (0, 0)
    assert content(ds) == rows[0]["bytes"]


def test_shards_of_webdataset_come_in_by_themselves(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in"))
    ds.export(tmp_path / "shards", format="webdataset")
    shard = next((tmp_path / "shards").glob("*.tar"))
    other = ll.create(tmp_path / "other")
    report = other.add(tmp_path / "shards", format="webdataset")
    assert (report.samples_added, report.unreadable) == (3, 1)
    assert Path(places(other)[0][0]).is_relative_to(tmp_path / "other/media")
    assert ll.create(tmp_path / "third").add(shard).samples_added == 3


class _Quiet(SimpleHTTPRequestHandler):
    faults = 0  # answers that fail before the next good one

    def log_message(self, *words: object) -> None: ...

    def do_GET(self) -> None:
        if type(self).faults:
            type(self).faults -= 1
            self.send_error(503)
        else:
            super().do_GET()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server of a folder: its URL, and the folder."""
    folder = tmp_path / "web"
    folder.mkdir()
    _Quiet.faults = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", folder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_pictures_in_several_folders_of_an_archive_are_found_by_name(tmp_path: Path) -> None:
    """Labels outside it that name the pictures without their folders; a name that is there twice is left missing."""
    names = ("a.png", "sub/b.png", "twice.png", "gone.png")
    coco(tmp_path / "in", names)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as out:
        for name, folders in {"a.png": ["one"], "sub/b.png": ["two"], "twice.png": ["one", "two"]}.items():
            for folder in folders:
                out.write(tmp_path / "in/images" / name, f"{folder}/{name}")
        out.writestr("__MACOSX/one/._a.png", b"x")
    ds = ll.create(tmp_path / "set")
    report = ds.add(tmp_path / "pictures.zip", labels=tmp_path / "in" / "labels.json")
    zipped = str(tmp_path / "pictures.zip")
    assert places(ds) == [(zipped, name) for name in ("one/a.png", "two/sub/b.png", "twice.png", "gone.png")]
    assert report.unreadable == 2
    assert report.counts["warning", "several files have the name of a picture; none is taken"] == 1
    assert report.counts["warning", "a picture deeper in the folder than its label file says"] == 2
    assert ds.add(tmp_path / "pictures.zip", labels=tmp_path / "in" / "labels.json").samples_added == 0


def test_an_archive_at_a_url_is_fetched_and_its_pictures_are_kept(tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    packed(coco(tmp_path / "in"), folder / "export.zip")
    ds = ll.create(tmp_path / "set")
    assert ds.preview(f"{url}/export.zip?secret=1").missing == 1
    report = ds.add(f"{url}/export.zip?secret=1")
    assert (report.samples_added, report.unreadable) == (3, 1)
    assert Path(places(ds)[0][0]).is_relative_to(tmp_path / "set/media")
    assert places(ds)[2] == (f"{url}/export.zip/images", "gone.png")
    assert ds.add(f"{url}/export.zip").samples_added == 0
    assert leftovers(ds) == []


def test_pictures_stay_on_the_network_and_are_kept_for_a_while(tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    coco(folder)
    ds = ll.create(tmp_path / "set")
    report = ds.add(f"{url}/images/", labels=f"{url}/labels.json")
    assert (report.samples_added, report.unreadable) == (3, 1)
    assert ("warning", "media not readable: no such file") in report.counts
    assert places(ds)[0] == (f"{url}/images", "night/a b.png")
    assert sizes(ds)[:2] == [6, 7]
    shutil.rmtree(folder / "images")
    picture = content(ds)  # from the cache
    assert Path(local_media(*places(ds)[0], cache=ds.lake.location.cache)).read_bytes() == picture
    with pytest.raises(MediaError, match="no such file"):
        open_media(*places(ds)[0])


def test_urls_that_a_label_file_names_count_only_if_the_user_says_so(tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    coco(folder, base=url)
    file = tmp_path / "labels.json"
    (folder / "labels.json").rename(file)
    ds = ll.create(tmp_path / "set")
    assert ds.add(file).unreadable == 3
    assert places(ds)[0] == (str(tmp_path), "night/a b.png")
    other = ll.create(tmp_path / "other")
    assert other.add(file, media_from="coco_url").unreadable == 1
    assert places(other)[:2] == [(f"{url}/images/night", "a b.png"), (f"{url}/images", "b.png")]
    own = ll.create(tmp_path / "own")
    assert own.add(file, media_from="coco_url", media="copy").unreadable == 1
    assert Path(places(own)[0][0]).is_relative_to(tmp_path / "own/media")
    with pytest.raises(FormatError, match='no picture has a URL in "flickr_url"') as error:
        other.add(file, media_from="flickr_url")
    assert "coco_url" in error.value.hint


def test_a_file_name_that_is_a_url_is_one_if_the_user_says_so(tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    coco(folder)
    file = tmp_path / "labels.json"
    file.write_text((folder / "labels.json").read_text().replace('"file_name": "', f'"file_name": "{url}/images/'))
    ds = ll.create(tmp_path / "set")
    assert ds.add(file, media_from="path").unreadable == 1
    assert places(ds)[1] == (f"{url}/images", "b.png")


def test_a_transfer_that_fails_is_tried_again(tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "a.bin").write_bytes(b"12345")
    waits: list[float] = []
    _Quiet.faults = 2
    remote.fetch(f"{url}/a.bin", tmp_path / "a.bin", sleep=waits.append)
    assert ((tmp_path / "a.bin").read_bytes(), waits) == (b"12345", [0.5, 1.0])
    _Quiet.faults = 9
    with pytest.raises(MediaError, match="503 Service Unavailable; tried 4 times") as error:
        remote.fetch(f"{url}/a.bin", tmp_path / "b.bin", sleep=waits.append)
    assert "connection" in error.value.hint
    _Quiet.faults = 0
    with pytest.raises(MediaError, match="more than 3 bytes"):
        remote.fetch(f"{url}/a.bin", tmp_path / "b.bin", most=3)
    assert [f.name for f in tmp_path.glob("*.bin*")] == ["a.bin"]
    assert not list(tmp_path.glob(".*"))


def test_no_network_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_WAIT_S", 0.0)
    ds = ll.create(tmp_path / "set")
    with pytest.raises(MediaError, match=r"127.0.0.1:9/a.zip: the server cannot be reached: Connection refused; tried"):
        ds.add("http://127.0.0.1:9/a.zip")
    with pytest.raises(MediaError, match="a folder over HTTP cannot be listed"):
        ds.add("http://127.0.0.1:9/folder/")
    file = coco(tmp_path / "in", tuple(f"{n}.png" for n in range(40))) / "labels.json"
    report = ds.add("http://127.0.0.1:9/folder/", labels=file)
    assert (report.samples_added, report.unreadable) == (40, 40)
    assert any("gives no answer" in what for _, what in report.counts)


def test_a_redirection_cannot_lead_to_a_file_of_this_machine(tmp_path: Path, web: tuple[str, Path]) -> None:
    class Away(_Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", (tmp_path / "secret").as_uri())
            self.end_headers()

    (tmp_path / "secret").write_text("word")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Away)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with pytest.raises(MediaError):
            remote.fetch(f"http://127.0.0.1:{server.server_port}/a", tmp_path / "a", sleep=lambda _: None)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_cache_holds_content_once_and_no_more_than_its_room(
    tmp_path: Path, web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = web
    for number, name in enumerate("abcd"):
        (folder / f"{name}.jpg").write_bytes(bytes([min(number, 2)]) * 1000)
    monkeypatch.setenv("LOOPLINE_MEDIA_CACHE", "2500")
    assert remembered(f"{url}/c.jpg", tmp_path) == remembered(f"{url}/d.jpg", tmp_path)
    for name in "ab":
        assert remembered(f"{url}/{name}.jpg", tmp_path).read_bytes() == (folder / f"{name}.jpg").read_bytes()
    kept = [f for f in (tmp_path / "media").glob("??/*") if f.is_file()]
    assert sum(f.stat().st_size for f in kept) <= 2500
    assert remembered(f"{url}/b.jpg", tmp_path) in kept


def test_a_folder_and_labels_on_s3(tmp_path: Path, s3_env: S3Server) -> None:
    import boto3

    folder = coco(tmp_path / "in")
    packed(folder, tmp_path / "export.zip")
    client = boto3.client("s3", endpoint_url=s3_env.url)
    for file in (f for f in folder.rglob("*") if f.is_file()):
        client.upload_file(str(file), s3_env.bucket, f"set/{file.relative_to(folder).as_posix()}")
    client.upload_file(str(tmp_path / "export.zip"), s3_env.bucket, "export.zip")
    client.close()
    base = f"s3://{s3_env.bucket}"
    ds = ll.create(tmp_path / "set")
    report = ds.add(f"{base}/set")
    assert (report.samples_added, report.unreadable, dict(report.objects_added)) == (3, 1, {"ground_truth": 3})
    assert places(ds)[0] == (f"{base}/set/images", "night/a b.png")
    assert content(ds) == (folder / "images/night/a b.png").read_bytes()
    assert ds.add(f"{base}/set").samples_added == 0
    own = ll.create(tmp_path / "own")
    assert own.add(f"{base}/set", media="copy").unreadable == 1
    assert own.add(f"{base}/export.zip").samples_added == 1  # the missing one has another place
    apart = ll.create(tmp_path / "apart")
    assert apart.add(f"{base}/set/images", labels=f"{base}/set/labels.json").unreadable == 1
    with pytest.raises(MediaError, match="there is no such file"):
        apart.add(f"{base}/none")
    assert leftovers(ds) == []


def test_other_places_are_reached_through_fsspec(tmp_path: Path) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    folder = coco(tmp_path / "in")
    memory.put(str(folder), "/far", recursive=True)
    try:
        ds = ll.create(tmp_path / "set")
        report = ds.add("memory://far")
        assert (report.samples_added, report.unreadable) == (3, 1)
        assert places(ds)[0][0] == "memory://far/images"
        assert content(ds) == (folder / "images/night/a b.png").read_bytes()
    finally:
        memory.rm("/far", recursive=True)
    with pytest.raises(MediaError, match="is not known"):
        ds.add("nonsense://x/y")


def test_a_url_is_a_place_only_where_a_path_can_hold_it() -> None:
    assert place_of("s3://bucket/x/a b.jpg") == ("s3://bucket/x", "a b.jpg")
    assert place_of("https:/host/a.jpg") == ("https://host", "a.jpg")
    assert [place_of(url) for url in ("", "a.jpg", "https://host/", "https://host/a?b", "C:/x/a.jpg")] == [None] * 5


def test_remote_pictures_go_out_as_copies(tmp_path: Path, web: tuple[str, Path]) -> None:
    """Beside the labels, in a folder that the format has for them, and inside a table or shard."""
    url, folder = web
    coco(folder)
    ds = ll.create(tmp_path / "set")
    ds.add(f"{url}/images/", labels=f"{url}/labels.json")
    wanted = {(folder / "images/night/a b.png").read_bytes(), (folder / "images/b.png").read_bytes()}
    ds.export(tmp_path / "none.json")
    assert not (tmp_path / "images").exists()
    for format_, target in (("coco", "c/out.json"), ("yolo", "yolo")):
        done = ds.export(tmp_path / target, format=format_, media="copy")
        assert done.lost["remote pictures that did not come"] == 1, format_
        files = ((tmp_path / target).parent if "." in target else tmp_path / target).rglob("*.png")
        assert {file.read_bytes() for file in files} == wanted, format_
    assert ds.export(tmp_path / "l.json", media="link").lost == {"remote pictures, not linked": 3}
    for format_ in ("webdataset", "huggingface"):
        done = ds.export(tmp_path / format_, format=format_)
        assert done.lost["remote pictures that did not come"] == 1
        again = ll.create(tmp_path / f"{format_} again")
        again.add(tmp_path / format_)
        assert {Path(root, path).read_bytes() for root, path in places(again) if Path(root, path).is_file()} == wanted
    assert leftovers(ds) == []
