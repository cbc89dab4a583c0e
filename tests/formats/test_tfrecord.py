"""TFRecord files, as Roboflow and TensorFlow's object detection API write them."""

from __future__ import annotations

import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import tfrecord
from loopline.formats._shapes import Fault
from loopline.formats._tfrecord import example
from tests.formats.worlds import plain, read, told


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(values: list[Any], *, packed: bool = True) -> bytes:
    if values and isinstance(values[0], bytes):
        return message(1, b"".join(message(1, value) for value in values))
    if values and isinstance(values[0], float):
        if packed:
            return message(2, message(1, struct.pack(f"<{len(values)}f", *values)))
        return message(2, b"".join(varint(1 << 3 | 5) + struct.pack("<f", value) for value in values))
    if packed:
        return message(3, message(1, b"".join(map(varint, values))))
    return message(3, b"".join(varint(1 << 3) + varint(value) for value in values))


def encoded(features: dict[str, list[Any]], *, packed: bool = True) -> bytes:
    entries = [message(1, key.encode()) + message(2, feature(v, packed=packed)) for key, v in features.items()]
    return message(1, b"".join(message(1, entry) for entry in entries))


def record(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + b"\0\0\0\0" + content + b"\0\0\0\0"


def picture(colour: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (20, 10), (colour, 0, 0)).save(out, "PNG")
    return out.getvalue()


def one(name: str, colour: int, **more: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {
        "image/filename": [name.encode()],
        "image/encoded": [picture(colour)],
        "image/format": [b"png"],
        "image/width": [20],
        "image/height": [10],
        "image/object/bbox/xmin": [0.25, 0.5],
        "image/object/bbox/xmax": [0.5, 0.75],
        "image/object/bbox/ymin": [0.5, 0.0],
        "image/object/bbox/ymax": [1.0, 0.5],
        "image/object/class/text": [b"cat", b"dog"],
        "image/object/class/label": [1, 2],
    }
    return found | {key.replace("__", "/"): value for key, value in more.items()}


def put(folder: Path) -> Path:
    for split, names in {"train": ("a.png", "b.png"), "valid": ("a.png",)}.items():
        (folder / split).mkdir(parents=True)
        content = b"".join(record(encoded(one(name, n), packed=n % 2 == 0)) for n, name in enumerate(names))
        (folder / split / "pets.tfrecord").write_bytes(content)
        (folder / split / "pets_label_map.pbtxt").write_text(
            "item {\n  name: 'dog'\n  id: 2\n}\nitem {\n  id: 1\n  name: \"cat\"\n}\n"
        )
    return folder


def test_pictures_and_boxes_of_every_split_arrive(tmp_path: Path) -> None:
    store = read(tfrecord.FORMAT, put(tmp_path / "in"), extract_to=tmp_path / "out")
    assert store.problems == []
    rows, objects = plain(store)
    assert {path: row["split"] for path, row in rows.items()} == {
        "train/a.png": "train",
        "train/b.png": "train",
        "val/a.png": "val",
    }
    assert objects["ground_truth"]["train/b.png"] == [
        {"label": "cat", "x": 5.0, "y": 5.0, "w": 5.0, "h": 5.0},
        {"label": "dog", "x": 10.0, "y": 0.0, "w": 5.0, "h": 5.0},
    ]
    assert store.schema.fields[0].classes == ("cat", "dog")
    assert (tmp_path / "out" / "val" / "a.png").read_bytes() == picture(0)


def test_class_names_come_from_the_label_map_where_records_have_numbers_only(tmp_path: Path) -> None:
    put(tmp_path)
    plain_ = one("c.png", 1, image__object__difficult=[0, 1])
    del plain_["image/object/class/text"]
    (tmp_path / "train" / "pets.tfrecord").write_bytes(record(encoded(plain_)))
    store = read(tfrecord.FORMAT, tmp_path / "train", extract_to=tmp_path / "out")
    assert [(row["label"], row["difficult"]) for row in store.objects["ground_truth"]] == [
        ("cat", False),
        ("dog", True),
    ]


def test_bad_records_are_named_and_good_ones_arrive(tmp_path: Path) -> None:
    short = one("s.png", 3, image__object__bbox__xmax=[0.5])
    content = [
        record(b"\xff\xff\xff"),
        record(encoded({"text": [b"no picture"]})),
        record(encoded(short)),
        record(encoded(one("../../up.png", 4))),
        record(encoded(one("good.png", 5))),
        record(encoded(one("cut.png", 6)))[:-30],
    ]
    file = tmp_path / "x.tfrecord"
    file.write_bytes(b"".join(content))
    store = read(tfrecord.FORMAT, file, extract_to=tmp_path / "out")
    assert told(store.problems) == [
        ("skipped", "the record is no tf.train.Example"),
        ("skipped", "a record without image/encoded"),
        ("skipped", "lists of corners of different lengths"),
        ("skipped", "the file breaks off, or is no TFRecord file; the records behind are missing"),
    ]
    assert {row["path"] for row in store.rows} == {"data/s.png", "data/00000003.png", "data/good.png"}
    assert not (tmp_path / "up.png").exists()


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.tfrecord"
    file.write_bytes(record(encoded(one("a.png", 1))))
    with pytest.raises(FormatError, match="the pictures are inside the records"):
        read(tfrecord.FORMAT, file)
    assert tfrecord.FORMAT.sniff(file).saw == "TFRecord with boxes"  # type: ignore[union-attr]
    file.write_bytes(b"nothing of the kind")
    assert tfrecord.FORMAT.sniff(file).confidence < 0.5  # type: ignore[union-attr]
    (tmp_path / "none").mkdir()
    with pytest.raises(FormatError, match=r"no \.tfrecord file"):
        read(tfrecord.FORMAT, tmp_path / "none")


values = st.one_of(
    st.lists(st.binary(max_size=5), min_size=1, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=3),
)


@settings(max_examples=60)
@given(st.dictionaries(st.text("ab/", min_size=1, max_size=4), values, max_size=3), st.booleans())
def test_examples_come_back(features: dict[str, list[Any]], packed: bool) -> None:
    assert dict(example(encoded(features, packed=packed))) == features


@settings(max_examples=60)
@given(st.binary(max_size=40))
def test_whatever_stands_in_a_record_it_is_an_example_or_a_fault(raw: bytes) -> None:
    with suppress(Fault):
        example(raw)


def test_the_protocol_buffers_package_writes_what_is_read() -> None:
    pool = pytest.importorskip("google.protobuf.descriptor_pool", reason="protobuf is not installed")
    from google.protobuf import descriptor_pb2, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tf", syntax="proto3")
    kinds = {"BytesList": 12, "FloatList": 2, "Int64List": 3}  # TYPE_BYTES, TYPE_FLOAT, TYPE_INT64
    for name, kind in kinds.items():
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=3)
    holder = file.message_type.add(name="Feature")
    holder.oneof_decl.add(name="kind")
    for number, name in enumerate(kinds, start=1):
        holder.field.add(name=name.lower(), number=number, type=11, label=1, type_name=f".tf.{name}", oneof_index=0)
    features = file.message_type.add(name="Features")
    features.field.add(name="feature", number=1, type=11, label=3, type_name=".tf.Features.FeatureEntry")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".tf.Feature")
    file.message_type.add(name="Example").field.add(
        name="features", number=1, type=11, label=1, type_name=".tf.Features"
    )
    known = pool.DescriptorPool()
    known.Add(file)
    made = message_factory.GetMessageClass(known.FindMessageTypeByName("tf.Example"))()
    made.features.feature["text"].byteslist.value.extend([b"a", b""])
    made.features.feature["number"].floatlist.value.extend([0.5, -2.0])
    made.features.feature["whole"].int64list.value.extend([-1, 2**40])
    assert dict(example(made.SerializeToString())) == {"text": [b"a", b""], "number": [0.5, -2.0], "whole": [-1, 2**40]}
