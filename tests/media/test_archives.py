"""Archives that nobody vouches for, and pictures inside them."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError, MediaError
from loopline.media import open_media
from loopline.media.archives import archive_kind, linked, member_name, open_member, split_archive
from loopline.media.opening import MediaFiles, local_file
from loopline.media.unpack import unpack


def packed(file: Path, members: dict[str, bytes], kind: str) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in members.items():
                out.writestr(name, content)
        return file
    with tarfile.open(file, "w:" + kind.partition(".")[2]) as out:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file


def tar_of(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(file, "w") as out:
        for info, content in members:
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def unpacked(archive: Path, limit: int | None = None) -> tuple[dict[str, bytes], list[str]]:
    """What came out, and what the problems say."""
    into = archive.with_name(f"{archive.name}.out")
    into.mkdir()
    found = unpack(archive, into, limit=limit)
    files = {f.relative_to(into).as_posix(): f.read_bytes() for f in into.rglob("*") if f.is_file()}
    assert not [f for f in into.rglob("*") if f.is_symlink()]
    return files, [problem.what for problem in found.problems]


def content(archive: Path, name: str) -> bytes:
    with open_media(str(archive), name) as file:
        return file.read()


MEMBERS = {"a.txt": b"one", "night/b.txt": b"two" * 1000}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_kind_unpacks_and_is_known_by_its_content(tmp_path: Path, kind: str) -> None:
    archive = packed(tmp_path / "thing", MEMBERS, kind)
    assert archive_kind(archive) == kind
    assert unpacked(archive) == (MEMBERS, [])


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no")
    (tmp_path / "b").touch()
    assert [archive_kind(p) for p in (tmp_path / "a.zip", tmp_path / "b", tmp_path, tmp_path / "none")] == [None] * 4


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_stay_out_and_are_counted(tmp_path: Path, kind: str) -> None:
    wicked = ["../out.txt", "/etc/out.txt", "a/../../out.txt", "C:\\out.txt", "..\\out.txt"]
    archive = packed(tmp_path / "x", {"good.txt": b"1", **dict.fromkeys(wicked, b"bad")}, kind)
    files, problems = unpacked(archive)
    assert files == {"good.txt": b"1"}
    assert problems == ["a name in the archive that leads out of it, or is not text"] * 5
    assert not list(tmp_path.rglob("out.txt"))
    with pytest.raises(MediaError):
        open_member(str(archive), "../out.txt")


def test_links_become_copies_of_members_or_nothing(tmp_path: Path) -> None:
    archive = tar_of(
        tmp_path / "x.tar",
        (entry("real/a.txt"), b"1"),
        (entry("soft.txt", tarfile.SYMTYPE, "real/a.txt"), b""),
        (entry("twice.txt", tarfile.SYMTYPE, "soft.txt"), b""),
        (entry("hard.txt", tarfile.LNKTYPE, "real/a.txt"), b""),
        (entry("out.txt", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (entry("up.txt", tarfile.SYMTYPE, "../../etc/passwd"), b""),
        (entry("round.txt", tarfile.SYMTYPE, "round.txt"), b""),
        (entry("dir", tarfile.SYMTYPE, "/tmp"), b""),
        (entry("dir/inside.txt"), b"2"),
        (entry("device", tarfile.CHRTYPE), b""),
        (entry("pipe", tarfile.FIFOTYPE), b""),
    )
    files, problems = unpacked(archive)
    assert files == {"dir/inside.txt": b"2"} | dict.fromkeys(("real/a.txt", "soft.txt", "twice.txt", "hard.txt"), b"1")
    assert problems.count("a link that leads out of the archive, or nowhere") == 4
    assert problems.count("a device, pipe or the like in the archive") == 2
    for name in ("soft.txt", "twice.txt", "hard.txt"):
        with open_member(str(archive), name) as file:
            assert file.read() == b"1"


def test_a_symbolic_link_in_a_zip_is_not_made(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr("a.txt", "1")
        for name, target in (("in.txt", "a.txt"), ("out.txt", "/etc/passwd")):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            out.writestr(info, target)
    assert unpacked(tmp_path / "x.zip") == (
        {"a.txt": b"1", "in.txt": b"1"},
        ["a link that leads out of the archive, or nowhere"],
    )


def test_a_name_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "x.tar", (entry("a"), b"1"), (entry("./a"), b"2"), (entry("a/b"), b"3"))
    files, problems = unpacked(archive)
    assert files == {"a": b"1"}
    assert problems == [
        "a name that is there twice in the archive; the first one counts",
        "a file in the archive stands where another one needs a folder",
    ]
    assert content(archive, "a") == b"1"


def test_names_that_a_mac_would_take_for_one_are_warned_of(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.zip", {"A.txt": b"1", "a.txt": b"2", "é": b"3", "e\u0301": b"4"}, "zip")
    files, problems = unpacked(archive)
    assert len(files) == 4
    assert problems == ["names that differ only in letter case or accents"] * 2


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_bomb_stops_at_the_limit_and_leaves_what_the_limit_allows(tmp_path: Path, kind: str) -> None:
    archive = packed(tmp_path / "x", {"bomb.txt": bytes(5 << 20)}, kind)
    (tmp_path / "out").mkdir()
    with pytest.raises(FormatError, match="more than 1,048,576 bytes") as error:
        unpack(archive, tmp_path / "out", limit=1 << 20)
    assert "unpack_limit" in error.value.hint
    assert sum(f.stat().st_size for f in (tmp_path / "out").rglob("*") if f.is_file()) <= 1 << 20


def test_a_zip_that_lies_about_its_sizes_is_not_believed(tmp_path: Path) -> None:
    file = packed(tmp_path / "x.zip", {"a.txt": bytes(100_000), "b.txt": b"good"}, "zip")
    raw = file.read_bytes()
    at = raw.index(b"PK\x01\x02")
    file.write_bytes(raw[: at + 24] + (10).to_bytes(4, "little") + raw[at + 28 :])  # says: 10 bytes
    files, problems = unpacked(file)
    assert files == {"b.txt": b"good"}
    assert len(problems) == 1


def test_encrypted_files_are_told_apart(tmp_path: Path) -> None:
    file = packed(tmp_path / "x.zip", {"a.txt": b"secret", "b.txt": b"open"}, "zip")
    raw = bytearray(file.read_bytes())
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + flag] |= 1
    file.write_bytes(raw)
    assert unpacked(file) == ({"b.txt": b"open"}, ["an encrypted file in the archive"])
    with pytest.raises(MediaError, match="damaged or encrypted"):
        open_member(str(file), "a.txt")
    only = packed(tmp_path / "y.zip", {"a.txt": b"secret"}, "zip")
    raw = bytearray(only.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    only.write_bytes(raw)
    with pytest.raises(FormatError, match="encrypted") as error:
        unpacked(only)
    assert "password" in error.value.hint


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_archive_is_a_clear_error_or_a_counted_problem(tmp_path: Path, kind: str, share: float) -> None:
    noise = {f"{n}.bin": os.urandom(20_000) for n in range(8)}
    whole = packed(tmp_path / "whole", noise, kind).read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: max(600, int(len(whole) * share))])
    try:
        files, problems = unpacked(cut)
    except FormatError as error:
        files, problems = {}, [error.what]
    assert len(files) < len(noise)
    assert files.items() <= noise.items()
    assert set(problems) <= {
        "the archive is damaged or cut off",
        "the archive breaks off; what came before it was read",
    }
    assert problems


def test_a_damaged_file_leaves_no_half(tmp_path: Path) -> None:
    file = packed(tmp_path / "x.zip", {"a.bin": os.urandom(50_000), "b.txt": b"good"}, "zip")
    raw = bytearray(file.read_bytes())
    raw[20_000] ^= 1
    file.write_bytes(raw)
    assert unpacked(file) == ({"b.txt": b"good"}, ["a damaged or oddly packed file in the archive"])


@given(st.text(max_size=30))
@settings(max_examples=300)
def test_no_name_leads_out(name: str) -> None:
    for found in (member_name(name), linked("a/b", name)):
        if found is not None:
            inside = Path(os.path.normpath(Path("/folder", found)))
            assert Path("/folder") in inside.parents


@given(st.dictionaries(st.from_regex(r"[a-zé]{1,4}(/[a-z ]{1,3}x)?\.jpg", fullmatch=True), st.binary(max_size=200)))
@settings(max_examples=15)
def test_what_is_packed_is_read_in_place_and_unpacked(tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("packed")
    for kind in ("zip", "tar"):
        archive = packed(folder / f"{kind}.packed", members, kind)
        for name, whole in members.items():
            with open_media(str(archive), name) as file:
                assert file.read() == whole
                file.seek(1)
                assert file.read(3) == whole[1:4]
            assert Path(local_file(f"{archive}/{name}", folder / "cache")).read_bytes() == whole
        if members:
            assert unpacked(archive) == (members, [])


def test_a_big_member_is_read_without_holding_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopline.media.archives._IN_MEMORY", 100)
    content = os.urandom(100_000)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / f"{compression}.zip", "w", compression) as out:
            out.writestr("v/a.mp4", content)
        with open_media(str(tmp_path / f"{compression}.zip" / "v"), "a.mp4") as file:
            file.seek(-10, os.SEEK_END)
            assert file.read() == content[-10:]
            file.seek(0)
            assert file.read() == content


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.zip", {"a.jpg": b"1"}, "zip")
    gz = packed(tmp_path / "x.tgz", {"a.jpg": b"1"}, "tar.gz")
    for root, words in ((archive, "no such file in the archive"), (gz, "cannot be read from its middle")):
        with pytest.raises(MediaError, match=words):
            open_media(str(root), "b.jpg")
    with pytest.raises(MediaError, match="there is no such file"):
        open_media(str(tmp_path / "none"), "b.jpg")
    with pytest.raises(MediaError, match="outside its root"):
        open_media(str(archive), "../x.zip")


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.zip", {"a.jpg": b"old"}, "zip")
    assert content(archive, "a.jpg") == b"old"
    os.utime(packed(archive, {"a.jpg": b"newer"}, "zip"), (1, 1))
    assert content(archive, "a.jpg") == b"newer"
    assert MediaFiles().stamp(f"{archive}/a.jpg").size_bytes == 5


def test_a_place_is_split_at_the_archive(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.zip", {"a.jpg": b"old"}, "zip")
    assert split_archive(f"{archive}/b/c.jpg") == (str(archive), "b/c.jpg")
    assert split_archive(str(archive)) == (str(archive), "")
    assert split_archive(str(tmp_path)) is None
    assert split_archive(f"{tmp_path}/none/a.jpg") is None
